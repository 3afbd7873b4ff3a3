package interop;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Counts the words of a topic with exactly_once_v2, until it is killed. Every word that it reads makes one record with
 * the word's new count. Prints each change of its state.
 */
public final class WordCount {
    private WordCount() {}

    public static void main(String[] args) {
        Options options = Options.parse(args);
        Properties properties = new Properties();
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, options.text("application-id"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(options.text("state-dir")).toString());
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, options.text("threads", "2"));
        // Long transactions: whenever the process is killed, one is open.
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "300");
        // Without a cache each change of a count is shown.
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, "0");
        String protocol = options.text("group-protocol", "classic");
        properties.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, protocol);
        // With the streams protocol these are the broker's.
        if (protocol.equals("classic")) {
            properties.put(StreamsConfig.consumerPrefix("session.timeout.ms"), "6000");
            properties.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), "500");
        }
        properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(options.text("input"), Consumed.with(Serdes.ByteArray(), Serdes.String()))
            .flatMapValues(line -> List.of(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts"))
            .toStream()
            .mapValues(count -> Long.toString(count))
            .to(options.text("output"), Produced.with(Serdes.String(), Serdes.String()));

        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        streams.setUncaughtExceptionHandler(failure -> {
            Output.line(Map.of("failure", failure.toString()));
            Output.flush();
            failure.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((state, before) -> {
            Output.line(Map.of("state", state.toString()));
            Output.flush();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
        streams.start();
    }
}
