package interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

/**
 * Record batches without a broker in between. {@code write} prints the golden ones, {@code read} what it finds in the
 * batches that it is given on standard input, one in hex on each line.
 */
public final class RecordBatches {
    private static final long BASE_TIMESTAMP = 1_700_000_000_000L;
    private static final int LEADER_EPOCH = 5;
    private static final long PRODUCER_ID = 4_000L;
    private static final short PRODUCER_EPOCH = 3;

    private RecordBatches() {}

    public static void main(String[] args) throws IOException {
        if (args[0].equals("write")) write();
        else read();
    }

    private static void write() {
        for (CompressionType type : CompressionType.values()) {
            print("small", type, small(type));
            if (type != CompressionType.NONE) print("large", type, large(type));
        }
        print("commit", CompressionType.NONE, marker(ControlRecordType.COMMIT));
        print("abort", CompressionType.NONE, marker(ControlRecordType.ABORT));
    }

    private static void print(String name, CompressionType type, MemoryRecords records) {
        ByteBuffer buffer = records.buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        System.out.println(name + " " + type.name + " " + HexFormat.of().formatHex(bytes));
    }

    /** A record of every shape. */
    private static MemoryRecords small(CompressionType type) {
        MemoryRecordsBuilder builder = builder(type, 1_000L, 7, true);
        builder.append(BASE_TIMESTAMP, bytes("key"), bytes("value"));
        builder.append(BASE_TIMESTAMP + 1, (byte[]) null, bytes("no key"));
        builder.append(BASE_TIMESTAMP - 1, bytes("no value"), null);
        builder.append(BASE_TIMESTAMP + 100_000_000_000L, new byte[0], new byte[0]);
        Header[] headers = {
            new RecordHeader("trace", bytes("abc")),
            new RecordHeader("", null),
            new RecordHeader("größe", new byte[] {0, (byte) 0xff})
        };
        builder.append(BASE_TIMESTAMP + 2, bytes("k"), bytes("v"), headers);
        return builder.build();
    }

    /** More than one block of every codec: 80 KB. */
    private static MemoryRecords large(CompressionType type) {
        MemoryRecordsBuilder builder = builder(type, 0L, 0, false);
        for (int i = 0; i < 400; i++) {
            builder.append(BASE_TIMESTAMP + i, bytes("key-" + i % 7), bytes(("value " + i % 10 + " ").repeat(25)));
        }
        return builder.build();
    }

    private static MemoryRecordsBuilder builder(
            CompressionType type, long baseOffset, int sequence, boolean inTransaction) {
        return MemoryRecords.builder(
                ByteBuffer.allocate(512),
                RecordBatch.CURRENT_MAGIC_VALUE,
                Compression.of(type).build(),
                TimestampType.CREATE_TIME,
                baseOffset,
                RecordBatch.NO_TIMESTAMP,
                PRODUCER_ID,
                PRODUCER_EPOCH,
                sequence,
                inTransaction,
                LEADER_EPOCH);
    }

    private static MemoryRecords marker(ControlRecordType type) {
        EndTransactionMarker marker = new EndTransactionMarker(type, 9);
        return MemoryRecords.withEndTransactionMarker(
                77L, BASE_TIMESTAMP, LEADER_EPOCH, PRODUCER_ID, PRODUCER_EPOCH, marker);
    }

    private static void read() throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            byte[] bytes = HexFormat.of().parseHex(line.trim());
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
            for (MutableRecordBatch batch : records.batches()) {
                batch.ensureValid();
                String codec = batch.compressionType().name;
                System.out.println("batch " + batch.baseOffset() + " " + batch.lastOffset() + " " + codec);
                for (Record record : batch) System.out.println(describe(record));
            }
        }
    }

    /** Offset, timestamp, key, value, and name and value of each header; bytes in base64, - for null. */
    private static String describe(Record record) {
        List<String> words = new ArrayList<>();
        words.add(Long.toString(record.offset()));
        words.add(Long.toString(record.timestamp()));
        words.add(base64(record.key()));
        words.add(base64(record.value()));
        for (Header header : record.headers()) {
            words.add(base64(ByteBuffer.wrap(bytes(header.key()))));
            words.add(base64(header.value() == null ? null : ByteBuffer.wrap(header.value())));
        }
        return String.join(" ", words);
    }

    private static String base64(ByteBuffer buffer) {
        if (buffer == null) return "-";
        byte[] copy = new byte[buffer.remaining()];
        buffer.duplicate().get(copy);
        // A leading mark keeps empty bytes apart from nothing at all.
        return "b" + Base64.getEncoder().encodeToString(copy);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
