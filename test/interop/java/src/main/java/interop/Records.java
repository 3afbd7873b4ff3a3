package interop;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Records that follow from their index alone, so that whoever reads them can tell whether they are intact. */
final class Records {
    private Records() {}

    /** The same rule as {@code interopRecord} in records.ts. */
    static ProducerRecord<byte[], byte[]> record(String topic, int partitions, int index, int size, long baseTime) {
        byte[] key = index % 10 == 7 ? null : utf8("key-" + index);
        byte[] value = index % 10 == 9 ? null : utf8("value-" + index + ":" + filler(index, size));
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, index % partitions, baseTime + index, key, value);
        record.headers().add("index", utf8(Integer.toString(index)));
        if (index % 4 == 1) record.headers().add("empty", new byte[0]);
        if (index % 4 == 2) record.headers().add("none", null);
        return record;
    }

    /** Hex digits from a linear congruential generator: compressible, but not to nothing. */
    private static String filler(int seed, int size) {
        StringBuilder text = new StringBuilder(size);
        int state = seed;
        for (int i = 0; i < size; i++) {
            state = state * 1103515245 + 12345;
            text.append("0123456789abcdef".charAt((state >>> 16) & 15));
        }
        return text.toString();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    static KafkaProducer<byte[], byte[]> producer(Properties properties) {
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(Properties properties) {
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static Map<String, Object> produce(Options options) throws Exception {
        String topic = options.text("topic");
        int count = options.number("count", 100);
        int size = options.number("value-size", 100);
        int first = options.number("first", 0);
        long baseTime = options.number("base-time", System.currentTimeMillis());
        Properties properties = options.client();
        properties.put("enable.idempotence", "true");
        properties.put("acks", "all");
        properties.put("compression.type", options.text("compression", "none"));
        // Batches of many records, so that compression has blocks to span.
        properties.put("linger.ms", "20");
        properties.put("batch.size", options.text("batch-size", "262144"));
        try (KafkaProducer<byte[], byte[]> producer = producer(properties)) {
            int partitions = producer.partitionsFor(topic).size();
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = first; i < first + count; i++) {
                sent.add(producer.send(record(topic, partitions, i, size, baseTime)));
            }
            producer.flush();
            Map<Integer, Long> next = new LinkedHashMap<>();
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata metadata = future.get();
                Long expected = next.get(metadata.partition());
                if (expected != null) Check.equal(expected, metadata.offset(), "offset in " + metadata.partition());
                next.put(metadata.partition(), metadata.offset() + 1);
            }
            return Map.of("count", count, "partitions", partitions, "baseTime", baseTime, "nextOffsets", next);
        }
    }

    /** Reads what a topic holds at this moment, from its start, and hands each record on. */
    static void readAll(Options options, String topic, String isolation, Consumer<ConsumerRecord<byte[], byte[]>> sink) {
        Properties properties = options.client();
        properties.put("isolation.level", isolation);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(properties)) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (PartitionInfo info : consumer.partitionsFor(topic)) {
                partitions.add(new TopicPartition(topic, info.partition()));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
            // Positions, not records, say when the end is reached: the tail may be control batches or aborted records.
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                Check.that(System.nanoTime() < deadline, "did not reach " + ends + " in 60 seconds");
                consumer.poll(Duration.ofMillis(200)).forEach(sink);
            }
        }
    }

    static Map<String, Object> consume(Options options) {
        int[] count = {0};
        readAll(options, options.text("topic"), options.text("isolation", "read_committed"), record -> {
            count[0]++;
            Output.line(json(record));
        });
        return Map.of("count", count[0]);
    }

    private static Map<String, Object> json(ConsumerRecord<byte[], byte[]> record) {
        List<List<Object>> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            List<Object> pair = new ArrayList<>();
            pair.add(header.key());
            pair.add(base64(header.value()));
            headers.add(pair);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("partition", record.partition());
        json.put("offset", record.offset());
        json.put("timestamp", record.timestamp());
        json.put("timestampType", record.timestampType().toString());
        json.put("key", base64(record.key()));
        json.put("value", base64(record.value()));
        json.put("headers", headers);
        return json;
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }
}
