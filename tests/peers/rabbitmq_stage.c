// What a careful C programmer writes by hand on rabbitmq-c for one stage: consume from the queues of a group with prefetch
// 500 on one connection, set the last byte of the body to 'X', add headers, publish on another with at most 500 publishes
// that are not confirmed, acknowledge the prefix of what is confirmed. It is what `millrace bench stage` is set beside; the
// output messages are byte-identical, but for the property message-id, in which each counts its publishes.
//
//   rabbitmq_stage URL IN OUT GROUP COUNT PARTITIONS
//
// Exchanges and queues are there: `millrace bench topics` makes them. Prints elapsed_s= cpu_s= messages_per_second= from
// the first message to the close of the channels. Any error ends it.
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include "tests/peers/derived.h"
#include "tests/peers/measure.h"
#include "tests/peers/rabbitmq_connection.h"

enum { kPrefetch = 500, kWindow = 500, kAckEvery = 125, kPartitionsMax = 1024, kIdleMs = 100 };
static const char kStage[] = "mark";
static const char kSource[] = "/bench/mark";

static amqp_connection_state_t in, out;
static amqp_bytes_t exchange;
// Both channels count from 1, and each message that is consumed is published once: the nth delivery is the nth publish.
static long consumed = 0, confirmed = 0, acked = 0;
static bool done[kWindow];  // confirmed behind one that is not; by number modulo kWindow

static amqp_bytes_t Bytes(const void* data, size_t size) {
  const amqp_bytes_t bytes = {size, (void*)data};
  return bytes;
}

static bool Is(amqp_bytes_t name, const char* text) {
  return name.len == strlen(text) && memcmp(name.bytes, text, name.len) == 0;
}

static void SetBytes(amqp_table_entry_t* entry, const char* name, uint8_t kind, amqp_bytes_t value) {
  entry->key = amqp_cstring_bytes(name);
  entry->value.kind = kind;
  entry->value.value.bytes = value;
}

static void Process(amqp_envelope_t* envelope) {
  amqp_message_t* message = &envelope->message;
  amqp_bytes_t id = amqp_empty_bytes, source = amqp_empty_bytes, key = amqp_empty_bytes;
  int64_t time_ms = 0;
  const amqp_table_t* headers = &message->properties.headers;
  for (int i = 0; i < headers->num_entries; ++i) {
    const amqp_table_entry_t* entry = &headers->entries[i];
    if (Is(entry->key, "ce_id")) id = entry->value.value.bytes;
    if (Is(entry->key, "ce_source")) source = entry->value.value.bytes;
    if (Is(entry->key, "mr_key")) key = entry->value.value.bytes;
    if (Is(entry->key, "timestamp_in_ms")) time_ms = entry->value.value.i64;
  }
  char* body = message->body.bytes;
  if (message->body.len > 0) body[message->body.len - 1] = 'X';
  char derived[32], digest[16], number[24];
  DerivedId(source.bytes, source.len, id.bytes, id.len, kStage, derived);
  ContentDigest(key.bytes, key.len, body, message->body.len, digest);
  amqp_table_entry_t entries[9];
  SetBytes(&entries[0], "mr_key", AMQP_FIELD_KIND_BYTES, key);
  SetBytes(&entries[1], "ce_specversion", AMQP_FIELD_KIND_UTF8, Bytes("1.0", 3));
  SetBytes(&entries[2], "ce_id", AMQP_FIELD_KIND_UTF8, Bytes(derived, sizeof(derived)));
  SetBytes(&entries[3], "ce_source", AMQP_FIELD_KIND_UTF8, Bytes(kSource, sizeof(kSource) - 1));
  SetBytes(&entries[4], "mr_root", AMQP_FIELD_KIND_UTF8, id);
  SetBytes(&entries[5], "mr_digest", AMQP_FIELD_KIND_UTF8, Bytes(digest, sizeof(digest)));
  SetBytes(&entries[6], "stage", AMQP_FIELD_KIND_UTF8, Bytes(kStage, sizeof(kStage) - 1));
  // The place of each header among the names in ascending order.
  SetBytes(&entries[7], "mr_order", AMQP_FIELD_KIND_BYTES, Bytes("\2\0\1\4\3\5", 6));
  entries[8].key = amqp_cstring_bytes("timestamp_in_ms");
  entries[8].value.kind = AMQP_FIELD_KIND_I64;
  entries[8].value.value.i64 = time_ms;
  amqp_basic_properties_t properties;
  properties._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                      AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_APP_ID_FLAG;
  properties.headers.num_entries = 9;
  properties.headers.entries = entries;
  properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  properties.message_id = Bytes(number, (size_t)snprintf(number, sizeof(number), "%ld", consumed + 1));
  properties.timestamp = (uint64_t)time_ms / 1000;
  properties.app_id = Bytes("millrace", 8);
  const int error = amqp_basic_publish(out, kChannel, exchange, envelope->routing_key, /*mandatory=*/1, /*immediate=*/0,
                                       &properties, message->body);
  if (error) Die("publishing: %s", amqp_error_string2(error));
}

// Whether there was a message to take.
static bool ConsumeOne(void) {
  struct timeval now = {0, 0};
  amqp_envelope_t envelope;
  const amqp_rpc_reply_t reply = amqp_consume_message(in, &envelope, &now, 0);
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT) return false;
  Check(reply, "consuming");
  Process(&envelope);
  amqp_destroy_envelope(&envelope);
  ++consumed;
  return true;
}

// Whether there was a confirm to take.
static bool ConfirmOne(void) {
  struct timeval now = {0, 0};
  amqp_frame_t frame;
  const int status = amqp_simple_wait_frame_noblock(out, &frame, &now);
  if (status == AMQP_STATUS_TIMEOUT) return false;
  if (status != AMQP_STATUS_OK) Die("waiting for confirms: %s", amqp_error_string2(status));
  if (frame.frame_type != AMQP_FRAME_METHOD) return true;
  if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
    Die("a message was not confirmed: %s", amqp_method_name(frame.payload.method.id));
  }
  const amqp_basic_ack_t* ack = frame.payload.method.decoded;
  const long tag = (long)ack->delivery_tag;
  for (long n = ack->multiple ? confirmed + 1 : tag; n <= tag; ++n) done[n % kWindow] = true;
  while (confirmed < consumed && done[(confirmed + 1) % kWindow]) done[++confirmed % kWindow] = false;
  return true;
}

static void Ack(void) {
  if (acked == confirmed) return;
  const int error = amqp_basic_ack(in, kChannel, (uint64_t)confirmed, /*multiple=*/1);
  if (error) Die("acknowledging: %s", amqp_error_string2(error));
  acked = confirmed;
}

static bool Buffered(amqp_connection_state_t connection) {
  return amqp_frames_enqueued(connection) || amqp_data_in_buffer(connection);
}

// Until something comes that may be taken.
static void Wait(bool may_consume) {
  if (Buffered(out) || (may_consume && Buffered(in))) return;
  struct pollfd sockets[2] = {{.fd = amqp_get_sockfd(out), .events = POLLIN, .revents = 0},
                              {.fd = amqp_get_sockfd(in), .events = POLLIN, .revents = 0}};
  poll(sockets, may_consume ? 2 : 1, kIdleMs);
}

int main(int argc, char** argv) {
  if (argc != 7) Die("usage: rabbitmq_stage URL IN OUT GROUP COUNT PARTITIONS");
  const long count = atol(argv[5]);
  const int partitions = atoi(argv[6]);
  if (count <= 0 || partitions <= 0 || partitions > kPartitionsMax) Die("COUNT or PARTITIONS cannot be");
  exchange = amqp_cstring_bytes(argv[3]);
  out = Connect(argv[1]);
  amqp_confirm_select(out, kChannel);
  Check(amqp_get_rpc_reply(out), "asking for confirms");
  in = Connect(argv[1]);
  amqp_basic_qos(in, kChannel, 0, kPrefetch, /*global=*/0);
  Check(amqp_get_rpc_reply(in), "setting the prefetch");
  for (int p = 0; p < partitions; ++p) {
    char queue[256];
    snprintf(queue, sizeof(queue), "%s:%s:%d", argv[2], argv[4], p);
    amqp_basic_consume(in, kChannel, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    Check(amqp_get_rpc_reply(in), queue);
  }
  double start = 0, cpu = 0;
  while (confirmed < count) {
    bool moved = false;
    // At each message it would be more than half of all instructions.
    amqp_maybe_release_buffers(in);
    amqp_maybe_release_buffers(out);
    while (consumed < count && consumed - confirmed < kWindow && ConsumeOne()) {
      if (start == 0) start = Now(), cpu = Cpu();
      moved = true;
    }
    while (ConfirmOne()) moved = true;
    if (confirmed - acked >= kAckEvery || !moved) Ack();
    if (!moved) Wait(consumed < count && consumed - confirmed < kWindow);
  }
  Ack();
  Check(amqp_channel_close(in, kChannel, AMQP_REPLY_SUCCESS), "closing the channel that consumes");
  Check(amqp_channel_close(out, kChannel, AMQP_REPLY_SUCCESS), "closing the channel that publishes");
  PrintMeasured(Now() - start, Cpu() - cpu, confirmed);
  Disconnect(in);
  Disconnect(out);
  return 0;
}
