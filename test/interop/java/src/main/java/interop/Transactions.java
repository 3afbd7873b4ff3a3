package interop;

import static interop.Records.text;
import static interop.Records.utf8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionAbortableException;

final class Transactions {
    private Transactions() {}

    private static KafkaProducer<byte[], byte[]> producer(Options options, String transactionalId, int timeoutMs) {
        Properties properties = options.client();
        properties.put("transactional.id", transactionalId);
        properties.put("transaction.timeout.ms", Integer.toString(timeoutMs));
        properties.put("max.block.ms", "20000");
        return Records.producer(properties);
    }

    private static List<String> values(Options options, String topic, String isolation) {
        List<String> values = new ArrayList<>();
        Records.readAll(options, topic, isolation, record -> values.add(text(record.value())));
        return values;
    }

    /**
     * A commit is answered before its markers are in every partition, so a reader may come too early: it may see less
     * than expected for a moment, but never anything else.
     */
    private static void expectValues(Options options, String topic, String isolation, List<String> expected)
            throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        List<String> values = values(options, topic, isolation);
        while (values.size() < expected.size() && System.nanoTime() < deadline) {
            Check.that(expected.containsAll(values), isolation + " shows " + values);
            Thread.sleep(100);
            values = values(options, topic, isolation);
        }
        Check.equal(expected.stream().sorted().toList(), values.stream().sorted().toList(), isolation);
    }

    /** Commits two of three transactions and aborts the third, over every partition of the topic. */
    static Map<String, Object> commitAndAbort(Options options) throws InterruptedException {
        String topic = options.text("topic");
        int transactions = options.number("transactions", 9);
        int perTransaction = options.number("per-transaction", 10);
        List<String> committed = new ArrayList<>();
        List<String> aborted = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(options, options.text("transactional-id"), 30_000)) {
            producer.initTransactions();
            int partitions = producer.partitionsFor(topic).size();
            for (int t = 0; t < transactions; t++) {
                boolean abort = t % 3 == 1;
                producer.beginTransaction();
                for (int r = 0; r < perTransaction; r++) {
                    String value = "transaction-" + t + "-record-" + r;
                    producer.send(new ProducerRecord<>(topic, r % partitions, utf8("key-" + r), utf8(value)));
                    (abort ? aborted : committed).add(value);
                }
                // Sent before the abort, or the client would drop what it has not sent yet.
                producer.flush();
                if (abort) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
        expectValues(options, topic, "read_committed", committed);
        expectValues(options, topic, "read_uncommitted", Stream.concat(committed.stream(), aborted.stream()).toList());
        return Map.of("committed", committed, "aborted", aborted);
    }

    /** Reads a topic as a group, writes upper case, commits offsets in the transaction; every third one is aborted. */
    static Map<String, Object> consumeTransformProduce(Options options) throws Exception {
        String input = options.text("input");
        String output = options.text("output");
        String group = options.text("group");
        int count = options.number("count", 100);
        Properties properties = options.client();
        properties.put("group.id", group);
        properties.put("group.protocol", options.text("protocol", "classic"));
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("max.poll.records", "10");

        int partitions;
        try (KafkaProducer<byte[], byte[]> producer = Records.producer(options.client())) {
            partitions = producer.partitionsFor(input).size();
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(input, i % partitions, null, utf8("item-" + i)));
            }
        }

        int aborts = 0;
        try (KafkaProducer<byte[], byte[]> producer = producer(options, options.text("transactional-id"), 30_000);
                KafkaConsumer<byte[], byte[]> consumer = Records.consumer(properties)) {
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
            long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            for (int round = 0; done.values().stream().mapToLong(OffsetAndMetadata::offset).sum() < count; ) {
                Check.that(System.nanoTime() < deadline, "processed only " + done + " in 60 seconds");
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(500));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    byte[] value = utf8(text(record.value()).toUpperCase());
                    producer.send(new ProducerRecord<>(output, record.partition() % partitions, null, value));
                }
                Map<TopicPartition, OffsetAndMetadata> offsets = records.nextOffsets();
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (round++ % 3 == 1) {
                    producer.flush();
                    producer.abortTransaction();
                    aborts++;
                    for (TopicPartition partition : records.partitions()) {
                        OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
                        OffsetAndMetadata expected = done.get(partition);
                        Check.equal(
                            expected == null ? null : expected.offset(),
                            committed == null ? null : committed.offset(),
                            "committed offset of " + partition + " after an abort");
                        consumer.seek(partition, committed == null ? 0 : committed.offset());
                    }
                } else {
                    producer.commitTransaction();
                    done.putAll(offsets);
                }
            }
        }
        Check.that(aborts > 0, "no transaction was aborted");
        List<String> expected = IntStream.range(0, count).mapToObj(i -> "ITEM-" + i).toList();
        expectValues(options, output, "read_committed", expected);
        Map<String, Long> committed = new TreeMap<>();
        try (Admin admin = Admin.create(options.client())) {
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get()
                .forEach((partition, offset) -> committed.put(partition.toString(), offset.offset()));
        }
        Check.equal((long) count, committed.values().stream().mapToLong(Long::longValue).sum(), "committed offsets");
        return Map.of("count", count, "aborts", aborts, "committed", committed);
    }

    /** A second producer with the same transactional id takes over while the first has a transaction open. */
    static Map<String, Object> fencing(Options options) throws InterruptedException {
        String topic = options.text("topic");
        String id = options.text("transactional-id");
        List<String> errors = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> older = producer(options, id, 30_000);
                KafkaProducer<byte[], byte[]> newer = producer(options, id, 30_000)) {
            older.initTransactions();
            older.beginTransaction();
            older.send(new ProducerRecord<>(topic, 0, null, utf8("committed by the older")));
            older.commitTransaction();
            older.beginTransaction();
            older.send(new ProducerRecord<>(topic, 0, null, utf8("open in the older")));
            older.flush();

            newer.initTransactions();
            try {
                older.send(new ProducerRecord<>(topic, 0, null, utf8("from the fenced"))).get();
                throw new AssertionError("a fenced producer's record was accepted");
            } catch (InterruptedException | ExecutionException | KafkaException e) {
                errors.add(fenced(e));
            }
            try {
                older.commitTransaction();
                throw new AssertionError("a fenced producer's commit was accepted");
            } catch (KafkaException e) {
                errors.add(fenced(e));
            }
            newer.beginTransaction();
            newer.send(new ProducerRecord<>(topic, 0, null, utf8("committed by the newer")));
            newer.commitTransaction();
            older.close(Duration.ZERO);
        }
        List<String> committed = List.of("committed by the older", "committed by the newer");
        expectValues(options, topic, "read_committed", committed);
        List<String> all = List.of("committed by the older", "open in the older", "committed by the newer");
        expectValues(options, topic, "read_uncommitted", all);
        return Map.of("errors", errors);
    }

    private static String fenced(Throwable thrown) {
        Throwable cause = Check.cause(thrown, ProducerFencedException.class, InvalidProducerEpochException.class);
        if (cause == null) throw new AssertionError("not a fencing error", thrown);
        return cause.getClass().getSimpleName();
    }

    /** A transaction that is left open is aborted by the coordinator, and readers get past it. */
    static Map<String, Object> timeout(Options options) throws Exception {
        Duration timeout = Duration.ofSeconds(3);
        String topic = options.text("topic");
        String error;
        long waitedMs;
        try (KafkaProducer<byte[], byte[]> idle = producer(options, options.text("transactional-id"), (int) timeout.toMillis());
                KafkaProducer<byte[], byte[]> other = Records.producer(options.client())) {
            idle.initTransactions();
            idle.beginTransaction();
            long start = System.nanoTime();
            idle.send(new ProducerRecord<>(topic, 0, null, utf8("left open"))).get();
            other.send(new ProducerRecord<>(topic, 0, null, utf8("behind it"))).get();
            List<String> before = values(options, topic, "read_committed");
            // On a busy machine it may have passed already.
            if (System.nanoTime() - start < timeout.toNanos()) Check.equal(List.of(), before, "before the timeout");
            while (values(options, topic, "read_committed").isEmpty()) {
                waitedMs = (System.nanoTime() - start) / 1_000_000;
                Check.that(waitedMs < 40_000, "the transaction was still open after " + waitedMs + " ms");
                Thread.sleep(250);
            }
            waitedMs = (System.nanoTime() - start) / 1_000_000;
            try {
                idle.commitTransaction();
                throw new AssertionError("the commit of a timed-out transaction was accepted");
            } catch (KafkaException e) {
                Throwable cause = Check.cause(
                    e,
                    ProducerFencedException.class,
                    InvalidProducerEpochException.class,
                    InvalidTxnStateException.class,
                    TransactionAbortableException.class);
                if (cause == null) throw e;
                error = cause.getClass().getSimpleName();
            }
            idle.close(Duration.ZERO);
        }
        Check.equal(List.of("behind it"), values(options, topic, "read_committed"), "after the timeout");
        return Map.of("error", error, "waitedMs", waitedMs);
    }
}
