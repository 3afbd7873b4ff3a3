package load;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

final class Topics {
    private static final String CONFIG = "config.";

    private Topics() {}

    static Map<String, Object> create(Arguments arguments) throws Exception {
        NewTopic topic = new NewTopic(arguments.text("topic"), arguments.number("partitions"), (short) 1);
        topic.configs(arguments.under(CONFIG));
        try (Admin admin = Admin.create(arguments.client())) {
            admin.createTopics(List.of(topic)).all().get();
        }
        return Map.of();
    }

    static Map<String, Object> delete(Arguments arguments) throws Exception {
        try (Admin admin = Admin.create(arguments.client())) {
            admin.deleteTopics(List.of(arguments.text("topic"))).all().get();
        }
        return Map.of();
    }
}
