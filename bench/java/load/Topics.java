package load;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class Topics {
    private static final long POLL_MS = 20;

    private Topics() {}

    /**
     * Waits until each partition can be written to. Apache Kafka tells clients of a topic before it has its partitions:
     * when batch 0 of an idempotent producer comes too early and batch 1 in time, batch 1 begins the sequence, and batch
     * 0 is out of order for ever.
     */
    static Map<String, Object> create(Arguments arguments) throws Exception {
        String name = arguments.text("topic");
        int partitions = arguments.number("partitions");
        Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
        for (int i = 0; i < partitions; i++) ends.put(new TopicPartition(name, i), OffsetSpec.latest());
        try (Admin admin = Admin.create(arguments.client())) {
            admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
            while (!areThere(admin, ends)) Thread.sleep(POLL_MS);
        }
        return Map.of();
    }

    private static boolean areThere(Admin admin, Map<TopicPartition, OffsetSpec> ends) throws Exception {
        try {
            admin.listOffsets(ends).all().get();
            return true;
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof UnknownTopicOrPartitionException) return false;
            throw failure;
        }
    }

    static Map<String, Object> delete(Arguments arguments) throws Exception {
        try (Admin admin = Admin.create(arguments.client())) {
            admin.deleteTopics(List.of(arguments.text("topic"))).all().get();
        }
        return Map.of();
    }
}
