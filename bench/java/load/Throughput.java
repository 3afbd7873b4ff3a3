package load;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** As many records as the client can move. Connecting is not part of the time, the last acknowledgement is. */
final class Throughput {
    private static final Duration POLL = Duration.ofSeconds(1);
    private static final long STALLED_NANOS = 60_000_000_000L;

    private Throughput() {}

    static Map<String, Object> produce(Arguments arguments) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = Producers.open(arguments)) {
            return Map.of("seconds", seconds(send(producer, arguments)));
        }
    }

    static Map<String, Object> consume(Arguments arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = open(arguments)) {
            return Map.of("seconds", seconds(receive(consumer, arguments.number("records"))));
        }
    }

    /** The time is that of the slower of the two, from the first record sent to the last one received. */
    static Map<String, Object> produceAndConsume(Arguments arguments) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = Producers.open(arguments);
            KafkaConsumer<byte[], byte[]> consumer = open(arguments)) {
            int records = arguments.number("records");
            long startedAt = System.nanoTime();
            CompletableFuture<Long> received = CompletableFuture.supplyAsync(() -> receive(consumer, records));
            send(producer, arguments);
            received.get();
            return Map.of("seconds", seconds(System.nanoTime() - startedAt));
        }
    }

    private static long send(Producer<byte[], byte[]> producer, Arguments arguments) throws Exception {
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(arguments.text("topic"), Producers.value(arguments.number("size")));
        int records = arguments.number("records");
        AtomicReference<Exception> failure = new AtomicReference<>();
        long startedAt = System.nanoTime();
        for (int i = 0; i < records; i++) {
            producer.send(record, (metadata, error) -> {
                if (error != null) failure.set(error);
            });
        }
        producer.flush();
        long took = System.nanoTime() - startedAt;
        if (failure.get() != null) throw failure.get();
        return took;
    }

    /** A consumer of all partitions from their beginning, which has its positions already. */
    private static KafkaConsumer<byte[], byte[]> open(Arguments arguments) {
        var consumer = new KafkaConsumer<>(
            arguments.client(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> partitions = IntStream.range(0, arguments.number("partitions"))
            .mapToObj(partition -> new TopicPartition(arguments.text("topic"), partition))
            .toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        partitions.forEach(consumer::position);
        return consumer;
    }

    private static long receive(KafkaConsumer<byte[], byte[]> consumer, int records) {
        long startedAt = System.nanoTime();
        long lastAt = startedAt;
        for (int received = 0; received < records; ) {
            ConsumerRecords<byte[], byte[]> polled = consumer.poll(POLL);
            received += polled.count();
            if (!polled.isEmpty()) lastAt = System.nanoTime();
            else if (System.nanoTime() - lastAt > STALLED_NANOS) {
                throw new IllegalStateException("only " + received + " of " + records + " records came");
            }
        }
        return System.nanoTime() - startedAt;
    }

    private static double seconds(long nanos) {
        return nanos / 1e9;
    }
}
