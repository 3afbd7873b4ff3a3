package load;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.Map;
import java.util.TreeMap;

/**
 * Load from Apache Kafka's Java client. Lives as long as the benchmark, so that both brokers are driven by the same
 * compiled code: each line of the input, {@code VERB name=value ...}, is answered by one line of JSON.
 */
public final class Load {
    interface Verb {
        Map<String, Object> run(Arguments arguments) throws Exception;
    }

    private static final Map<String, Verb> VERBS = new TreeMap<>(Map.of(
        "create-topic", Topics::create,
        "delete-topic", Topics::delete,
        "produce", Throughput::produce,
        "consume", Throughput::consume,
        "produce-consume", Throughput::produceAndConsume,
        "latency", Latency::run,
        "stream", Transactions::stream,
        "commits", Transactions::commits));

    private Load() {}

    public static void main(String[] unused) throws Exception {
        // Whatever a library prints goes elsewhere: the answers have the output for themselves.
        PrintStream answers = System.out;
        System.setOut(System.err);
        ObjectMapper json = new ObjectMapper();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            answers.println(json.writeValueAsString(answer(line)));
            answers.flush();
        }
        System.exit(0);
    }

    private static Map<String, Object> answer(String line) {
        try {
            Arguments arguments = Arguments.parse(line);
            Verb verb = VERBS.get(arguments.verb());
            if (verb == null) throw new IllegalArgumentException("no verb " + arguments.verb());
            return verb.run(arguments);
        } catch (Throwable failure) {
            failure.printStackTrace();
            return Map.of("error", failure.toString());
        }
    }
}
