package load;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;

/** A command: a verb and {@code name=value} pairs. Names that begin with "set." are settings of the client. */
record Arguments(String verb, Map<String, String> values) {
    private static final String SETTING = "set.";

    static Arguments parse(String line) {
        String[] words = line.trim().split(" +");
        Map<String, String> values = new HashMap<>();
        for (int i = 1; i < words.length; i++) {
            int at = words[i].indexOf('=');
            if (at < 1) throw new IllegalArgumentException("expected name=value, got " + words[i]);
            values.put(words[i].substring(0, at), words[i].substring(at + 1));
        }
        return new Arguments(words[0], values);
    }

    String text(String name) {
        String value = values.get(name);
        if (value == null) throw new IllegalArgumentException(name + " is missing");
        return value;
    }

    int number(String name) {
        return Integer.parseInt(text(name));
    }

    /** The settings whose names begin with {@code prefix}, without it. */
    Map<String, String> under(String prefix) {
        Map<String, String> found = new HashMap<>();
        values.forEach((name, value) -> {
            if (name.startsWith(prefix)) found.put(name.substring(prefix.length()), value);
        });
        return found;
    }

    /** The client's defaults but for what the command sets. */
    Properties client() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", text("bootstrap"));
        properties.putAll(under(SETTING));
        return properties;
    }
}
