package load;

import java.util.Arrays;
import java.util.Map;

final class Quantiles {
    private Quantiles() {}

    /** p50, p99 and p99.9 in milliseconds. */
    static Map<String, Object> milliseconds(long[] nanos) {
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        return Map.of("p50", at(sorted, 0.5), "p99", at(sorted, 0.99), "p999", at(sorted, 0.999));
    }

    private static double at(long[] sorted, double quantile) {
        return sorted[(int) Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] / 1e6;
    }
}
