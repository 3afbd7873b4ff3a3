package interop;

import java.util.Objects;

/** What a scenario expects; a violated expectation ends it. */
final class Check {
    private Check() {}

    static void that(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    static void equal(Object expected, Object actual, String what) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError(what + ": expected " + expected + ", got " + actual);
        }
    }

    /** The first throwable of the given types in a chain of causes, or null. */
    @SafeVarargs
    static Throwable cause(Throwable thrown, Class<? extends Throwable>... types) {
        for (Throwable at = thrown; at != null; at = at.getCause()) {
            for (Class<? extends Throwable> type : types) {
                if (type.isInstance(at)) return at;
            }
        }
        return null;
    }
}
