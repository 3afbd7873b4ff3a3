package load;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * From the moment a record should have been sent to the moment its consumer has it, at a steady rate. Counting from
 * the plan, not from the call, keeps a broker that stalls the sender from hiding the records it held up.
 */
final class Latency {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final long STALLED_NANOS = 60_000_000_000L;

    private Latency() {}

    static Map<String, Object> run(Arguments arguments) throws Exception {
        int warmUp = arguments.number("warm-up");
        int records = warmUp + arguments.number("records");
        TopicPartition partition = new TopicPartition(arguments.text("topic"), 0);
        try (KafkaProducer<byte[], byte[]> producer = Producers.open(arguments);
            var consumer = new KafkaConsumer<>(
                arguments.client(), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            consumer.position(partition);
            CompletableFuture<long[]> received = CompletableFuture.supplyAsync(() -> receive(consumer, records));
            send(producer, arguments, records);
            return Quantiles.milliseconds(Arrays.copyOfRange(received.get(), warmUp, records));
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, Arguments arguments, int records) {
        byte[] value = Producers.value(arguments.number("size"));
        long intervalNanos = 1_000_000_000L / arguments.number("rate");
        long startedAt = System.nanoTime();
        for (int i = 0; i < records; i++) {
            long plannedAt = startedAt + i * intervalNanos;
            for (long early = plannedAt - System.nanoTime(); early > 0; early = plannedAt - System.nanoTime()) {
                LockSupport.parkNanos(early);
            }
            byte[] stamped = value.clone();
            ByteBuffer.wrap(stamped).putLong(plannedAt);
            producer.send(new ProducerRecord<>(arguments.text("topic"), stamped));
        }
        producer.flush();
    }

    private static long[] receive(KafkaConsumer<byte[], byte[]> consumer, int records) {
        long[] latencies = new long[records];
        long lastAt = System.nanoTime();
        for (int received = 0; received < records; ) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                lastAt = System.nanoTime();
                latencies[received++] = lastAt - ByteBuffer.wrap(record.value()).getLong();
            }
            if (System.nanoTime() - lastAt > STALLED_NANOS) {
                throw new IllegalStateException("only " + received + " of " + records + " records came");
            }
        }
        return latencies;
    }
}
