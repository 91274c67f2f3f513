// What a careful C programmer writes by hand on librdkafka for one stage: consume in batches, set the last byte of the
// body to 'X', add headers, produce idempotently with acks=all to the partition of the same number, commit behind the
// delivery reports. It is what `millrace bench stage` is set beside; the output records are byte-identical.
//
//   kafka_stage BOOTSTRAP IN OUT GROUP COUNT PARTITIONS
//
// Prints elapsed_s= cpu_s= messages_per_second= from the first record to the end of the last commit. It takes the same
// care of the happy path as Millrace and none of the unhappy ones: any error ends it.
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/peers/derived.h"
#include "tests/peers/measure.h"

enum { kPartitionsMax = 1024, kBatch = 1024, kWindow = 20000 };
static const char kStage[] = "mark";
static const char kSource[] = "/bench/mark";

static int64_t next_commit[kPartitionsMax];  // behind the last record whose output is confirmed; -1: nothing
static int64_t committed[kPartitionsMax];
static long confirmed = 0;
static int commits_under_way = 0;

// Reports come in order within a partition, because the producer is idempotent; opaque is partition and offset.
static void OnReport(rd_kafka_t* producer, const rd_kafka_message_t* message, void* opaque) {
  (void)producer;
  (void)opaque;
  if (message->err) Die("a record was not delivered: %s", rd_kafka_err2str(message->err));
  const uint64_t place = (uint64_t)(uintptr_t)message->_private;
  next_commit[place >> 48] = (int64_t)(place & ((1ull << 48) - 1)) + 1;
  ++confirmed;
}

static void OnCommit(rd_kafka_t* consumer, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* offsets,
                     void* opaque) {
  (void)consumer;
  (void)offsets;
  (void)opaque;
  --commits_under_way;
  if (error && error != RD_KAFKA_RESP_ERR__NO_OFFSET) Die("a commit failed: %s", rd_kafka_err2str(error));
}

static void Set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char error[512];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) Die("%s", error);
}

static void Commit(rd_kafka_t* consumer, const char* topic, int partitions, int wait) {
  rd_kafka_topic_partition_list_t* offsets = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p) {
    if (next_commit[p] <= committed[p]) continue;
    rd_kafka_topic_partition_list_add(offsets, topic, p)->offset = next_commit[p];
    committed[p] = next_commit[p];
  }
  if (offsets->cnt > 0) {
    const rd_kafka_resp_err_t error = rd_kafka_commit(consumer, offsets, wait ? 0 : 1);
    if (error) Die("committing: %s", rd_kafka_err2str(error));
    if (!wait) ++commits_under_way;
  }
  rd_kafka_topic_partition_list_destroy(offsets);
}

static void Process(rd_kafka_t* producer, rd_kafka_topic_t* out, rd_kafka_message_t* record) {
  const char *id = "", *source = "";
  size_t id_bytes = 0, source_bytes = 0;
  rd_kafka_headers_t* in_headers;
  if (rd_kafka_message_headers(record, &in_headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name;
    const void* value;
    size_t bytes;
    for (size_t i = 0; rd_kafka_header_get_all(in_headers, i, &name, &value, &bytes) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      if (strcmp(name, "ce_id") == 0) id = value, id_bytes = bytes;
      if (strcmp(name, "ce_source") == 0) source = value, source_bytes = bytes;
    }
  }
  char* body = record->payload;
  if (record->len > 0) body[record->len - 1] = 'X';
  char derived[32], digest[16];
  DerivedId(source, source_bytes, id, id_bytes, kStage, derived);
  ContentDigest(record->key, record->key_len, body, record->len, digest);
  rd_kafka_headers_t* headers = rd_kafka_headers_new(6);
  rd_kafka_header_add(headers, "ce_specversion", 14, "1.0", 3);
  rd_kafka_header_add(headers, "ce_id", 5, derived, sizeof(derived));
  rd_kafka_header_add(headers, "ce_source", 9, kSource, sizeof(kSource) - 1);
  rd_kafka_header_add(headers, "mr_root", 7, id, (ssize_t)id_bytes);
  rd_kafka_header_add(headers, "mr_digest", 9, digest, sizeof(digest));
  rd_kafka_header_add(headers, "stage", 5, kStage, sizeof(kStage) - 1);
  const uint64_t place = (uint64_t)record->partition << 48 | (uint64_t)record->offset;
  rd_kafka_timestamp_type_t kind;
  for (;;) {
    const rd_kafka_resp_err_t error =
        rd_kafka_producev(producer, RD_KAFKA_V_RKT(out), RD_KAFKA_V_PARTITION(record->partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record->key, record->key_len),
                          RD_KAFKA_V_VALUE(body, record->len), RD_KAFKA_V_HEADERS(headers),
                          RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(record, &kind)),
                          RD_KAFKA_V_OPAQUE((void*)(uintptr_t)place), RD_KAFKA_V_END);
    if (!error) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) Die("producing: %s", rd_kafka_err2str(error));
    rd_kafka_poll(producer, 1);
  }
}

int main(int argc, char** argv) {
  if (argc != 7) Die("usage: kafka_stage BOOTSTRAP IN OUT GROUP COUNT PARTITIONS");
  const long count = atol(argv[5]);
  const int partitions = atoi(argv[6]);
  if (count <= 0 || partitions <= 0 || partitions > kPartitionsMax) Die("COUNT or PARTITIONS cannot be");
  char error[512];

  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", argv[1]);
  Set(conf, "enable.idempotence", "true");
  Set(conf, "acks", "all");
  Set(conf, "message.timeout.ms", "0");
  const char* linger = getenv("LINGER_MS");
  Set(conf, "linger.ms", linger != NULL ? linger : "0");
  rd_kafka_conf_set_dr_msg_cb(conf, OnReport);
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
  if (producer == NULL) Die("%s", error);
  rd_kafka_topic_t* out = rd_kafka_topic_new(producer, argv[3], NULL);
  const struct rd_kafka_metadata* metadata;
  if (rd_kafka_metadata(producer, 0, out, &metadata, 10000)) Die("no metadata of %s", argv[3]);
  rd_kafka_metadata_destroy(metadata);

  conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", argv[1]);
  Set(conf, "group.id", argv[4]);
  Set(conf, "enable.auto.commit", "false");
  Set(conf, "enable.auto.offset.store", "false");
  Set(conf, "auto.offset.reset", "earliest");
  rd_kafka_conf_set_offset_commit_cb(conf, OnCommit);
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
  if (consumer == NULL) Die("%s", error);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, argv[2], RD_KAFKA_PARTITION_UA);
  if (rd_kafka_subscribe(consumer, topics)) Die("cannot subscribe to %s", argv[2]);
  rd_kafka_topic_partition_list_destroy(topics);
  for (int p = 0; p < partitions; ++p) next_commit[p] = committed[p] = -1;

  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  rd_kafka_message_t* batch[kBatch];
  long consumed = 0;
  double start = 0, cpu = 0;
  while (confirmed < count) {
    const int may = consumed < count && consumed - confirmed < kWindow;
    ssize_t got = 0;
    if (may) {
      // A time-out waits for a full batch: so none, and where nothing is there, a wait for one.
      got = rd_kafka_consume_batch_queue(queue, 0, batch, kBatch);
      if (got <= 0) {
        rd_kafka_message_t* one = rd_kafka_consumer_poll(consumer, 1);
        if (one != NULL) batch[0] = one, got = 1;
      }
    }
    for (ssize_t i = 0; i < got; ++i) {
      if (batch[i]->err) Die("consuming: %s", rd_kafka_message_errstr(batch[i]));
      if (start == 0) start = Now(), cpu = Cpu();
      Process(producer, out, batch[i]);
      rd_kafka_message_destroy(batch[i]);
    }
    consumed += got > 0 ? got : 0;
    rd_kafka_poll(producer, may ? 0 : 1);
    if (commits_under_way == 0) Commit(consumer, argv[2], partitions, 0);
    // The commit's answer is served with the consumer's other events.
    if (!may) {
      rd_kafka_message_t* one = rd_kafka_consumer_poll(consumer, 0);
      if (one != NULL) {
        if (one->err) Die("consuming: %s", rd_kafka_message_errstr(one));
        Process(producer, out, one);
        rd_kafka_message_destroy(one);
        ++consumed;
      }
    }
  }
  Commit(consumer, argv[2], partitions, 1);
  rd_kafka_queue_destroy(queue);
  if (rd_kafka_consumer_close(consumer)) Die("cannot leave the group");
  const double elapsed = Now() - start;
  PrintMeasured(elapsed, Cpu() - cpu, confirmed);
  rd_kafka_flush(producer, 10000);
  rd_kafka_topic_destroy(out);
  rd_kafka_destroy(producer);
  rd_kafka_destroy(consumer);
  return 0;
}
