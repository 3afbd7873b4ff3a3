package load;

import java.util.Random;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Producers {
    private Producers() {}

    /** A producer that is connected and knows the topic. */
    static KafkaProducer<byte[], byte[]> open(Arguments arguments) {
        var producer = new KafkaProducer<>(arguments.client(), new ByteArraySerializer(), new ByteArraySerializer());
        producer.partitionsFor(arguments.text("topic"));
        return producer;
    }

    /** The same letters in each run. */
    static byte[] value(int sizeBytes) {
        Random random = new Random(1);
        byte[] value = new byte[sizeBytes];
        for (int i = 0; i < sizeBytes; i++) value[i] = (byte) ('A' + random.nextInt(26));
        return value;
    }
}
