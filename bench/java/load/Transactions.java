package load;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** A producer is transactional when the command sets its transactional.id. */
final class Transactions {
    private Transactions() {}

    /** Sends as fast as it can for a time; a transactional producer commits at each interval. */
    static Map<String, Object> stream(Arguments arguments) throws Exception {
        boolean transactional = arguments.client().containsKey("transactional.id");
        long intervalNanos = arguments.number("interval-ms") * 1_000_000L;
        long forNanos = arguments.number("duration-ms") * 1_000_000L;
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(arguments.text("topic"), Producers.value(arguments.number("size")));
        try (KafkaProducer<byte[], byte[]> producer = Producers.open(arguments)) {
            if (transactional) producer.initTransactions();
            long records = 0;
            long startedAt = System.nanoTime();
            while (System.nanoTime() - startedAt < forNanos) {
                long intervalAt = System.nanoTime();
                if (transactional) producer.beginTransaction();
                do {
                    producer.send(record);
                    records++;
                } while (System.nanoTime() - intervalAt < intervalNanos);
                if (transactional) producer.commitTransaction();
            }
            producer.flush();
            return Map.of("records", records, "seconds", (System.nanoTime() - startedAt) / 1e9);
        }
    }

    /**
     * Transactions one behind the other, each with some records in each partition. "commit" is the commit of records
     * that are acknowledged already; "transaction" is all from begin to committed.
     */
    static Map<String, Object> commits(Arguments arguments) {
        int warmUp = arguments.number("warm-up");
        int transactions = warmUp + arguments.number("transactions");
        long[] commitNanos = new long[transactions];
        long[] transactionNanos = new long[transactions];
        byte[] value = Producers.value(arguments.number("size"));
        try (KafkaProducer<byte[], byte[]> producer = Producers.open(arguments)) {
            producer.initTransactions();
            for (int i = 0; i < transactions; i++) {
                long beganAt = System.nanoTime();
                producer.beginTransaction();
                for (int partition = 0; partition < arguments.number("partitions"); partition++) {
                    for (int record = 0; record < arguments.number("records"); record++) {
                        producer.send(new ProducerRecord<>(arguments.text("topic"), partition, null, value));
                    }
                }
                producer.flush();
                long flushedAt = System.nanoTime();
                producer.commitTransaction();
                long committedAt = System.nanoTime();
                commitNanos[i] = committedAt - flushedAt;
                transactionNanos[i] = committedAt - beganAt;
            }
        }
        Map<String, Object> found = new HashMap<>();
        found.put("commit", Quantiles.milliseconds(Arrays.copyOfRange(commitNanos, warmUp, transactions)));
        found.put("transaction", Quantiles.milliseconds(Arrays.copyOfRange(transactionNanos, warmUp, transactions)));
        return found;
    }
}
