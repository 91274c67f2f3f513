// Prints what lies in a queue of RabbitMQ, a line for each message: its header mr_key, and in hexadecimal its routing key,
// its properties as bytes of AMQP and its body. The property message-id is left out, in which publishers count. Nothing is
// taken away. A queue of up to 65,535 messages is printed whole.
//
//   rabbitmq_dump URL QUEUE
#include <amqp.h>
#include <string.h>

#include "tests/peers/measure.h"
#include "tests/peers/rabbitmq_connection.h"

static void Print(amqp_bytes_t bytes, char end) {
  for (size_t i = 0; i < bytes.len; ++i) printf("%02x", ((const unsigned char*)bytes.bytes)[i]);
  putchar(end);
}

static amqp_bytes_t KeyOf(const amqp_table_t* headers) {
  for (int i = 0; i < headers->num_entries; ++i) {
    const amqp_bytes_t name = headers->entries[i].key;
    if (name.len == 6 && memcmp(name.bytes, "mr_key", 6) == 0) return headers->entries[i].value.value.bytes;
  }
  return amqp_empty_bytes;
}

int main(int argc, char** argv) {
  if (argc != 3) Die("usage: rabbitmq_dump URL QUEUE");
  amqp_connection_state_t connection = Connect(argv[1]);
  const amqp_bytes_t queue = amqp_cstring_bytes(argv[2]);
  const amqp_queue_declare_ok_t* declared =
      amqp_queue_declare(connection, kChannel, queue, /*passive=*/1, 0, 0, 0, amqp_empty_table);
  Check(amqp_get_rpc_reply(connection), argv[2]);
  uint32_t left = declared->message_count;
  // Without a limit of the consumer's own a quorum queue has one of 2000.
  amqp_basic_qos(connection, kChannel, 0, UINT16_MAX, /*global=*/0);
  Check(amqp_get_rpc_reply(connection), "setting the prefetch");
  amqp_basic_consume(connection, kChannel, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  Check(amqp_get_rpc_reply(connection), argv[2]);
  static unsigned char text[kFrameMax];
  for (; left > 0; --left) {
    amqp_envelope_t envelope;
    struct timeval patience = {10, 0};
    amqp_maybe_release_buffers(connection);
    Check(amqp_consume_message(connection, &envelope, &patience, 0), "consuming");
    amqp_basic_properties_t properties = envelope.message.properties;
    properties._flags &= ~(amqp_flags_t)AMQP_BASIC_MESSAGE_ID_FLAG;
    amqp_bytes_t encoded = {sizeof(text), text};
    const int bytes = amqp_encode_properties(AMQP_BASIC_CLASS, &properties, encoded);
    if (bytes < 0) Die("encoding: %s", amqp_error_string2(bytes));
    encoded.len = (size_t)bytes;
    const amqp_bytes_t key = KeyOf(&properties.headers);
    printf("%.*s ", (int)key.len, (const char*)key.bytes);
    Print(envelope.routing_key, ' ');
    Print(encoded, ' ');
    Print(envelope.message.body, '\n');
    amqp_destroy_envelope(&envelope);
  }
  Disconnect(connection);
  return 0;
}
