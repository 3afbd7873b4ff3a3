package interop;

import static interop.Records.text;
import static interop.Records.utf8;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.WakeupException;

final class Groups {
    private Groups() {}

    /** One group member that polls on a thread of its own, as the client demands. */
    private static final class Member implements AutoCloseable {
        final List<String> received = new CopyOnWriteArrayList<>();
        volatile Set<Integer> assigned = Set.of();
        private final AtomicReference<Throwable> failure = new AtomicReference<>();
        private final KafkaConsumer<byte[], byte[]> consumer;
        private final Thread thread;

        Member(Properties properties, String topic) {
            consumer = Records.consumer(properties);
            thread = new Thread(() -> run(topic));
            thread.start();
        }

        private void run(String topic) {
            try (consumer) {
                consumer.subscribe(List.of(topic));
                while (true) {
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                        received.add(text(record.value()));
                    }
                    try {
                        consumer.commitSync();
                    } catch (RebalanceInProgressException polling) {
                        // The cooperative protocol's way to say: poll on, and commit after it.
                    }
                    assigned = partitions(consumer.assignment());
                }
            } catch (WakeupException closing) {
                // close() asked for it; leaving the try block leaves the group.
            } catch (Throwable e) {
                failure.set(e);
            }
        }

        private static Set<Integer> partitions(Collection<TopicPartition> assignment) {
            Set<Integer> numbers = new ConcurrentSkipListSet<>();
            assignment.forEach(partition -> numbers.add(partition.partition()));
            return numbers;
        }

        void check() {
            if (failure.get() != null) throw new AssertionError("a member failed", failure.get());
        }

        @Override
        public void close() throws InterruptedException {
            consumer.wakeup();
            thread.join(20_000);
            Check.that(!thread.isAlive(), "a member did not close");
            check();
        }
    }

    /** One member, then two, then the first leaves; every record arrives once, wherever its partition is. */
    static Map<String, Object> rebalance(Options options) throws Exception {
        String topic = options.text("topic");
        String group = options.text("group");
        String protocol = options.text("protocol", "classic");
        int partitions;
        Properties properties = options.client();
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("group.protocol", protocol);
        if (protocol.equals("classic")) {
            properties.put("session.timeout.ms", "10000");
            properties.put("heartbeat.interval.ms", "500");
            String assignor = switch (options.text("assignor", "range")) {
                case "range" -> "RangeAssignor";
                case "cooperative" -> "CooperativeStickyAssignor";
                default -> throw new IllegalArgumentException("--assignor: range or cooperative");
            };
            properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor);
        }
        try (KafkaProducer<byte[], byte[]> producer = Records.producer(options.client())) {
            partitions = producer.partitionsFor(topic).size();
            Set<Integer> all = new TreeSet<>(IntStream.range(0, partitions).boxed().toList());

            List<String> first;
            List<String> second;
            try (Member a = new Member(named(properties, "member-a"), topic)) {
                await(() -> a.assigned.equals(all), "the only member has every partition", a);
                send(producer, topic, partitions, 0);
                await(() -> a.received.size() == 60, "the only member got the first 60 records", a);
                try (Member b = new Member(named(properties, "member-b"), topic)) {
                    await(
                        () -> a.assigned.size() == partitions / 2 && b.assigned.size() == partitions - partitions / 2
                            && union(a.assigned, b.assigned).equals(all),
                        "two members share the partitions",
                        a, b);
                    send(producer, topic, partitions, 60);
                    await(() -> a.received.size() + b.received.size() == 120, "both got the next 60 records", a, b);
                    Check.that(!b.received.isEmpty(), "the second member got nothing");
                    a.close();
                    await(() -> b.assigned.equals(all), "the one that stays has every partition", b);
                    send(producer, topic, partitions, 120);
                    await(() -> a.received.size() + b.received.size() == 180, "it got the last 60 records", b);
                    first = List.copyOf(a.received);
                    second = List.copyOf(b.received);
                }
            }
            List<String> expected = IntStream.range(0, 180).mapToObj(i -> "record-" + i).sorted().toList();
            List<String> received = Stream.concat(first.stream(), second.stream()).sorted().toList();
            Check.equal(expected, received, "records over both members");

            // A member that comes later starts where the group committed, not at the beginning.
            try (Member late = new Member(named(properties, "member-late"), topic)) {
                await(() -> late.assigned.equals(all), "the late member has every partition", late);
                send(producer, topic, partitions, 180);
                await(() -> late.received.size() >= 60, "the late member got the new records", late);
                List<String> fresh = IntStream.range(180, 240).mapToObj(i -> "record-" + i).sorted().toList();
                Check.equal(fresh, late.received.stream().sorted().toList(), "records of the late member");
            }
            return Map.of("first", first.size(), "second", second.size(), "partitions", partitions);
        }
    }

    private static Properties named(Properties properties, String clientId) {
        Properties copy = new Properties();
        copy.putAll(properties);
        copy.put("client.id", clientId);
        return copy;
    }

    private static Set<Integer> union(Set<Integer> left, Set<Integer> right) {
        Set<Integer> all = new TreeSet<>(left);
        all.addAll(right);
        return all;
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partitions, int from) {
        for (int i = from; i < from + 60; i++) {
            producer.send(new ProducerRecord<>(topic, i % partitions, null, utf8("record-" + i)));
        }
        producer.flush();
    }

    private static void await(BooleanSupplier condition, String what, Member... members) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(40).toNanos();
        while (!condition.getAsBoolean()) {
            for (Member member : members) member.check();
            Check.that(System.nanoTime() < deadline, "not in 40 seconds: " + what);
            Thread.sleep(20);
        }
    }
}
