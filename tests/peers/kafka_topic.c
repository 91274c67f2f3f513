// Sets one property of a topic, as an operator would: with min.insync.replicas=3 a topic of three replicas, of which two
// are in sync, refuses what is produced with acks=all, until it is 2 again. What else was set on the topic stays.
//
//   kafka_topic BOOTSTRAP TOPIC NAME VALUE
//
// Any error ends it.
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "tests/peers/measure.h"

enum { kPatienceMs = 30000 };

// The answer to a request about one topic.
static rd_kafka_event_t* Answer(rd_kafka_queue_t* answers, const char* what) {
  rd_kafka_event_t* event = rd_kafka_queue_poll(answers, kPatienceMs);
  if (event == NULL) Die("%s: no answer", what);
  if (rd_kafka_event_error(event)) Die("%s: %s", what, rd_kafka_event_error_string(event));
  return event;
}

static const rd_kafka_ConfigResource_t* Only(const rd_kafka_ConfigResource_t** resources, size_t count,
                                             const char* what) {
  if (count != 1) Die("%s: an answer about %zu topics", what, count);
  if (rd_kafka_ConfigResource_error(resources[0])) {
    Die("%s: %s", what, rd_kafka_ConfigResource_error_string(resources[0]));
  }
  return resources[0];
}

// The request replaces all that is set: librdkafka 2.0 has none that changes one property.
static void Alter(rd_kafka_t* client, rd_kafka_queue_t* answers, const char* topic, const char* name,
                  const char* value) {
  rd_kafka_ConfigResource_t* asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  rd_kafka_DescribeConfigs(client, &asked, 1, NULL, answers);
  rd_kafka_event_t* event = Answer(answers, "reading the topic's properties");
  size_t count;
  const rd_kafka_ConfigResource_t** found =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
  const rd_kafka_ConfigResource_t* before = Only(found, count, "reading the topic's properties");
  rd_kafka_ConfigResource_t* wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(before, &count);
  for (size_t i = 0; i < count; ++i) {
    const char* other = rd_kafka_ConfigEntry_name(entries[i]);
    if (rd_kafka_ConfigEntry_source(entries[i]) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) continue;
    if (strcmp(other, name) == 0) continue;
    rd_kafka_ConfigResource_set_config(wanted, other, rd_kafka_ConfigEntry_value(entries[i]));
  }
  rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(asked);
  if (rd_kafka_ConfigResource_set_config(wanted, name, value)) Die("%s=%s cannot be", name, value);
  rd_kafka_AlterConfigs(client, &wanted, 1, NULL, answers);
  event = Answer(answers, "setting the topic's property");
  found = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
  Only(found, count, "setting the topic's property");
  rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(wanted);
}

int main(int argc, char** argv) {
  if (argc != 5) Die("usage: kafka_topic BOOTSTRAP TOPIC NAME VALUE");
  char error[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], error, sizeof(error)) != RD_KAFKA_CONF_OK) Die("%s", error);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
  if (client == NULL) Die("%s", error);
  rd_kafka_queue_t* answers = rd_kafka_queue_new(client);
  Alter(client, answers, argv[2], argv[3], argv[4]);
  rd_kafka_queue_destroy(answers);
  rd_kafka_destroy(client);
  return 0;
}
