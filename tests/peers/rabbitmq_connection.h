// A connection to RabbitMQ with one open channel, for programs that end at any error.
#ifndef MILLRACE_TESTS_PEERS_RABBITMQ_CONNECTION_H_
#define MILLRACE_TESTS_PEERS_RABBITMQ_CONNECTION_H_

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdlib.h>
#include <string.h>

#include "tests/peers/measure.h"

enum { kChannel = 1, kFrameMax = 131072 };

static inline void Check(amqp_rpc_reply_t reply, const char* what) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) Die("%s: %s", what, amqp_error_string2(reply.library_error));
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const amqp_channel_close_t* close = reply.reply.decoded;
    Die("%s: %.*s", what, (int)close->reply_text.len, (const char*)close->reply_text.bytes);
  }
  if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const amqp_connection_close_t* close = reply.reply.decoded;
    Die("%s: %.*s", what, (int)close->reply_text.len, (const char*)close->reply_text.bytes);
  }
  Die("%s: the server said %s", what, amqp_method_name(reply.reply.id));
}

static inline amqp_connection_state_t Connect(const char* url) {
  char* text = strdup(url);
  struct amqp_connection_info info;
  if (amqp_parse_url(text, &info)) Die("%s is no URL of RabbitMQ", url);
  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t* socket = amqp_tcp_socket_new(connection);
  if (socket == NULL || amqp_socket_open(socket, info.host, info.port)) Die("no answer at %s:%d", info.host, info.port);
  Check(amqp_login(connection, info.vhost, 0, kFrameMax, /*heartbeat=*/0, AMQP_SASL_METHOD_PLAIN, info.user,
                   info.password),
        "logging in");
  amqp_channel_open(connection, kChannel);
  Check(amqp_get_rpc_reply(connection), "opening a channel");
  free(text);
  return connection;
}

static inline void Disconnect(amqp_connection_state_t connection) {
  Check(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "closing the connection");
  amqp_destroy_connection(connection);
}

#endif  // MILLRACE_TESTS_PEERS_RABBITMQ_CONNECTION_H_
