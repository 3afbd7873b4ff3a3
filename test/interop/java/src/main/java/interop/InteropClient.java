package interop;

import java.util.Map;
import java.util.TreeMap;

/**
 * One scenario per run against any Kafka-protocol broker: {@code InteropClient SCENARIO --bootstrap HOST:PORT ...}.
 * Prints JSON lines; the last one is the verdict, and the exit code is 0 only when it says ok.
 */
public final class InteropClient {
    interface Scenario {
        Map<String, Object> run(Options options) throws Exception;
    }

    private static final Map<String, Scenario> SCENARIOS = new TreeMap<>(Map.ofEntries(
        Map.entry("produce", Records::produce),
        Map.entry("consume", Records::consume),
        Map.entry("transactions", Transactions::commitAndAbort),
        Map.entry("transform", Transactions::consumeTransformProduce),
        Map.entry("fencing", Transactions::fencing),
        Map.entry("transaction-timeout", Transactions::timeout),
        Map.entry("group", Groups::rebalance),
        Map.entry("admin-topics", Admins::topics),
        Map.entry("admin-configs", Admins::configs),
        Map.entry("admin-groups", Admins::groups),
        Map.entry("admin-transactions", Admins::transactions),
        Map.entry("admin-acls", Admins::acls),
        Map.entry("admin-quotas", Admins::quotas),
        Map.entry("admin-credentials", Admins::credentials),
        Map.entry("admin-operators", Admins::operators),
        Map.entry("admin-cluster", Admins::cluster)));

    private InteropClient() {}

    public static void main(String[] args) {
        Scenario scenario = args.length == 0 ? null : SCENARIOS.get(args[0]);
        if (scenario == null) {
            System.err.println("usage: InteropClient SCENARIO --bootstrap HOST:PORT [--option value]...");
            System.err.println("scenarios: " + String.join(", ", SCENARIOS.keySet()));
            System.exit(2);
            return;
        }
        Map<String, Object> verdict = new TreeMap<>();
        boolean ok = false;
        try {
            verdict.putAll(scenario.run(Options.parse(args)));
            ok = true;
        } catch (Throwable failure) {
            verdict.put("error", failure.toString());
            failure.printStackTrace();
        }
        verdict.put("ok", ok);
        Output.line(verdict);
        Output.flush();
        // Client threads of a scenario that failed half-way must not keep the process alive.
        System.exit(ok ? 0 : 1);
    }
}
