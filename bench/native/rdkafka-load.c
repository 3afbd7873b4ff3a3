// Load from librdkafka: rdkafka-load produce|consume BOOTSTRAP TOPIC PARTITIONS RECORDS SIZE [name=value]...
// Prints the seconds that it took. Linked against the library that confluent-kafka-python ships, which comes without
// its header: what is used of its (stable) interface is declared here.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;

typedef struct {
  int error;
  rd_kafka_topic_t *topic;
  int32_t partition;
  void *payload;
  size_t length;
  void *key;
  size_t key_length;
  int64_t offset;
  void *opaque;
} rd_kafka_message_t;

// Only its beginning: elements are reached through pointers that the library returns.
typedef struct {
  char *topic;
  int32_t partition;
  int64_t offset;
} rd_kafka_topic_partition_t;

enum { RD_KAFKA_PRODUCER, RD_KAFKA_CONSUMER };
enum { NO_ERROR = 0, QUEUE_FULL = -184, PARTITION_EOF = -191 };
enum { OFFSET_BEGINNING = -2, PARTITION_ANY = -1 };

rd_kafka_conf_t *rd_kafka_conf_new(void);
int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
void rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t *, void (*)(rd_kafka_t *, const rd_kafka_message_t *, void *));
rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
void rd_kafka_destroy(rd_kafka_t *);
int rd_kafka_query_watermark_offsets(rd_kafka_t *, const char *, int32_t, int64_t *, int64_t *, int);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, void *);
void rd_kafka_topic_destroy(rd_kafka_topic_t *);
int rd_kafka_produce(rd_kafka_topic_t *, int32_t, int, void *, size_t, const void *, size_t, void *);
int rd_kafka_last_error(void);
const char *rd_kafka_err2str(int);
int rd_kafka_poll(rd_kafka_t *, int);
int rd_kafka_flush(rd_kafka_t *, int);
rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int);
rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *, const char *, int32_t);
void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *);
int rd_kafka_assign(rd_kafka_t *, const rd_kafka_topic_partition_list_t *);
int rd_kafka_poll_set_consumer(rd_kafka_t *);
rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *);
void rd_kafka_queue_destroy(rd_kafka_queue_t *);
ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
void rd_kafka_message_destroy(rd_kafka_message_t *);

// A batch that does not fill up is given out after this long: it is what the last one of a run costs.
#define BATCH 10000
#define BATCH_WAIT_MS 5
#define TIMEOUT_MS 60000

static void fail(const char *what, const char *why) {
  fprintf(stderr, "rdkafka-load: %s: %s\n", what, why);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char error[512];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != 0) fail(name, error);
}

static rd_kafka_t *open_client(int type, rd_kafka_conf_t *conf, const char *topic) {
  char error[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
  if (client == NULL) fail("rd_kafka_new", error);
  // Connects, so that connecting is not part of the time.
  int64_t low, high;
  int failed = rd_kafka_query_watermark_offsets(client, topic, 0, &low, &high, TIMEOUT_MS);
  if (failed != NO_ERROR) fail("connecting", rd_kafka_err2str(failed));
  return client;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  (void)opaque;
  if (message->error != NO_ERROR) fail("delivery", rd_kafka_err2str(message->error));
}

static double produce(rd_kafka_conf_t *conf, const char *topic_name, long records, size_t size) {
  set(conf, "enable.idempotence", "true");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, conf, topic_name);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, topic_name, NULL);
  char *value = malloc(size);
  srand(1);
  for (size_t i = 0; i < size; i++) value[i] = 'A' + rand() % 26;

  double started_at = now();
  for (long i = 0; i < records; i++) {
    while (rd_kafka_produce(topic, PARTITION_ANY, 0, value, size, NULL, 0, NULL) != 0) {
      int error = rd_kafka_last_error();
      if (error != QUEUE_FULL) fail("produce", rd_kafka_err2str(error));
      rd_kafka_poll(client, 10);
    }
    if (i % 1000 == 0) rd_kafka_poll(client, 0);
  }
  int error = rd_kafka_flush(client, TIMEOUT_MS);
  if (error != NO_ERROR) fail("flush", rd_kafka_err2str(error));
  double took = now() - started_at;

  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  free(value);
  return took;
}

static double consume(rd_kafka_conf_t *conf, const char *topic, int partitions, long records) {
  set(conf, "group.id", "rdkafka-load");
  set(conf, "enable.auto.commit", "false");
  rd_kafka_t *client = open_client(RD_KAFKA_CONSUMER, conf, topic);
  rd_kafka_poll_set_consumer(client);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; i++) rd_kafka_topic_partition_list_add(list, topic, i)->offset = OFFSET_BEGINNING;
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
  static rd_kafka_message_t *messages[BATCH];

  double started_at = now();
  rd_kafka_assign(client, list);
  for (long received = 0; received < records;) {
    ssize_t count = rd_kafka_consume_batch_queue(queue, BATCH_WAIT_MS, messages, BATCH);
    for (ssize_t i = 0; i < count; i++) {
      int error = messages[i]->error;
      if (error == NO_ERROR) received++;
      else if (error != PARTITION_EOF) fail("consume", rd_kafka_err2str(error));
      rd_kafka_message_destroy(messages[i]);
    }
    if (now() - started_at > 10 * TIMEOUT_MS / 1000.0) fail("consume", "the records did not come");
  }
  double took = now() - started_at;

  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(client);
  return took;
}

int main(int count, char **arguments) {
  if (count < 7) fail("usage", "produce|consume BOOTSTRAP TOPIC PARTITIONS RECORDS SIZE [name=value]...");
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", arguments[2]);
  for (int i = 7; i < count; i++) {
    char *value = strchr(arguments[i], '=');
    if (value == NULL) fail(arguments[i], "expected name=value");
    *value = '\0';
    set(conf, arguments[i], value + 1);
  }
  long records = atol(arguments[5]);
  int producing = strcmp(arguments[1], "produce") == 0;
  double took = producing ? produce(conf, arguments[3], records, atol(arguments[6]))
                          : consume(conf, arguments[3], atoi(arguments[4]), records);
  printf("%.6f\n", took);
  return 0;
}
