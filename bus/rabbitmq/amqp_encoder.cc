#include "bus/rabbitmq/amqp_encoder.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr uint32_t kPublishMethod = 40;
constexpr uint32_t kAckMethod = 80;

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

inline char* PutFrameHead(char* at, uint8_t type, uint16_t channel, size_t size) {
  return Put32(Put16(Put8(at, type), channel), static_cast<uint32_t>(size));
}

// Arguments of a declaration, in a table of rabbitmq-c's.
class Arguments {
 public:
  void Text(std::string_view name, std::string_view value) {
    amqp_field_value_t& field = Add(name);
    field.kind = AMQP_FIELD_KIND_UTF8;
    field.value.bytes = Bytes(value);
  }
  void Number(std::string_view name, int64_t value) {
    amqp_field_value_t& field = Add(name);
    field.kind = AMQP_FIELD_KIND_I64;
    field.value.i64 = value;
  }
  void Flag(std::string_view name, bool value) {
    amqp_field_value_t& field = Add(name);
    field.kind = AMQP_FIELD_KIND_BOOLEAN;
    field.value.boolean = value ? 1 : 0;
  }
  amqp_table_t Table() { return {static_cast<int>(count_), entries_.data()}; }

 private:
  amqp_field_value_t& Add(std::string_view name) {
    entries_.at(count_).key = Bytes(name);
    return entries_[count_++].value;
  }
  std::array<amqp_table_entry_t, 12> entries_;
  size_t count_ = 0;
};

}  // namespace

void AppendMethod(uint16_t channel, uint32_t method, void* decoded, ByteBuffer& out) {
  // Names are at most 255 bytes long and texts of ours short: what we encode is far below this.
  constexpr size_t kMethodMax = 8192;
  char* const head = out.Reserve(kMethodMax + kFrameOverhead);
  char* at = Put32(head + 7, method);
  const int size = amqp_encode_method(method, decoded, {kMethodMax - 4, at});
  MR_CHECK(size >= 0) << "method " << method << " cannot be encoded: " << amqp_error_string2(size);
  PutFrameHead(head, kMethodFrame, channel, static_cast<size_t>(size) + 4);
  out.CommitTo(Put8(at + size, kFrameEnd));
}

void AppendHeartbeat(ByteBuffer& out) {
  char* at = PutFrameHead(out.Reserve(kFrameOverhead), kHeartbeatFrame, 0, 0);
  out.CommitTo(Put8(at, kFrameEnd));
}

namespace {

// Most bytes of a content's frames. A piece is a frame's payload.
inline size_t ContentBytesMax(const Message& message, size_t piece_max) {
  const size_t body = message.body ? message.body->size() : 0;
  const size_t pieces = body <= piece_max ? 1 : body / piece_max + 1;
  return kFrameOverhead + 12 + PropertiesBytesMax(message) + body + pieces * kFrameOverhead;
}

inline char* PutBodyFrame(char* at, uint16_t channel, std::string_view piece) {
  at = PutFrameHead(at, kBodyFrame, channel, piece.size());
  std::memcpy(at, piece.data(), piece.size());
  return Put8(at + piece.size(), kFrameEnd);
}

[[gnu::always_inline]] inline char* PutContent(char* at, uint16_t channel, const Message& message, uint64_t message_id,
                                               size_t piece_max, ContentWriter& writer) {
  const std::string_view body = message.body.value_or(std::string_view());
  char* const head = at;
  at = PutFrameHead(at, kHeaderFrame, channel, 0);
  at = writer.PutProperties(Put64(Put32(at, uint32_t{kBasicClass} << 16), body.size()), message, message_id);
  Put32(head + 3, static_cast<uint32_t>(at - head - 7));
  at = Put8(at, kFrameEnd);
  if (body.empty()) return at;
  const char* from = body.data();
  size_t left = body.size();
  for (; left > piece_max; left -= piece_max, from += piece_max) at = PutBodyFrame(at, channel, {from, piece_max});
  return PutBodyFrame(at, channel, {from, left});
}

}  // namespace

void AppendContent(uint16_t channel, const Message& message, uint64_t message_id, uint32_t frame_max,
                   ContentWriter& writer, ByteBuffer& out) {
  const size_t piece_max = frame_max - kFrameOverhead;
  char* const at = out.Reserve(ContentBytesMax(message, piece_max));
  out.CommitTo(PutContent(at, channel, message, message_id, piece_max, writer));
}

// All frames of a message behind one look for room.
void AmqpEncoder::EncodePublish(const Request& request, ByteBuffer& out) {
  const auto channel = static_cast<uint16_t>(request.channel);
  const size_t piece_max = agreement_.frame_max - kFrameOverhead;
  const size_t size = 4 + 2 + 1 + request.exchange.size() + 1 + request.routing_key.size() + 1;
  char* at = out.Reserve(size + kFrameOverhead + ContentBytesMax(request.message, piece_max));
  at = PutFrameHead(at, kMethodFrame, channel, size);
  at = Put16(Put32(at, uint32_t{kBasicClass} << 16 | kPublishMethod), 0);
  at = PutShortString(PutShortString(at, request.exchange), request.routing_key);
  at = Put8(Put8(at, request.mandatory ? 1 : 0), kFrameEnd);
  out.CommitTo(PutContent(at, channel, request.message, request.message_id, piece_max, content_));
}

void AmqpEncoder::EncodeQueueDeclare(const Request& request, ByteBuffer& out) const {
  Arguments table;
  amqp_queue_declare_t declare{};
  declare.queue = Bytes(request.queue);
  declare.passive = request.passive ? 1 : 0;
  if (!request.passive && request.arguments != nullptr) {
    const QueueArguments& arguments = *request.arguments;
    declare.durable = arguments.durable ? 1 : 0;
    declare.exclusive = arguments.exclusive ? 1 : 0;
    const bool quorum = arguments.durable && !arguments.exclusive;
    if (quorum) table.Text("x-queue-type", "quorum");
    if (arguments.single_active_consumer) table.Flag("x-single-active-consumer", true);
    if (arguments.max_length >= 0) table.Number("x-max-length", arguments.max_length);
    if (arguments.overflow == Overflow::kRejectPublish) table.Text("x-overflow", "reject-publish");
    if (arguments.delivery_limit >= 0) {
      table.Number("x-delivery-limit", arguments.delivery_limit);
    } else if (quorum && agreement_.declare_unlimited) {
      table.Number("x-delivery-limit", -1);
    }
    if (!arguments.dead_letter_exchange.empty()) table.Text("x-dead-letter-exchange", arguments.dead_letter_exchange);
    if (!arguments.dead_letter_routing_key.empty()) {
      table.Text("x-dead-letter-routing-key", arguments.dead_letter_routing_key);
    }
    if (arguments.dead_letter_at_least_once && !agreement_.dead_letters_once)
      table.Text("x-dead-letter-strategy", "at-least-once");
  }
  declare.arguments = table.Table();
  AppendMethod(static_cast<uint16_t>(request.channel), AMQP_QUEUE_DECLARE_METHOD, &declare, out);
}

void AmqpEncoder::EncodeOther(const Request& request, ByteBuffer& out) {
  const auto channel = static_cast<uint16_t>(request.channel);
  const auto append = [&](uint32_t method, auto decoded) { AppendMethod(channel, method, &decoded, out); };
  std::string tag;  // lives until the method is encoded
  const auto consumer_tag = [&] {
    tag = std::to_string(request.consumer);
    return Bytes(tag);
  };
  switch (request.method) {
    case Method::kPublish:
      return EncodePublish(request, out);
    case Method::kAck: {
      char* at = PutFrameHead(out.Reserve(13 + kFrameOverhead), kMethodFrame, channel, 13);
      at = Put64(Put32(at, uint32_t{kBasicClass} << 16 | kAckMethod), request.tag);
      return out.CommitTo(Put8(Put8(at, request.multiple ? 1 : 0), kFrameEnd));
    }
    case Method::kHeartbeat:
      return AppendHeartbeat(out);
    case Method::kChannelOpen:
      return append(AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t{});
    case Method::kChannelClose:
      return append(AMQP_CHANNEL_CLOSE_METHOD, amqp_channel_close_t{.reply_code = 200, .reply_text = Bytes("done")});
    case Method::kChannelCloseOk:
      return append(AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t{});
    case Method::kExchangeDeclare:
      return append(
          AMQP_EXCHANGE_DECLARE_METHOD,
          amqp_exchange_declare_t{.exchange = Bytes(request.exchange),
                                  .type = Bytes(request.exchange_kind == ExchangeKind::kFanout ? "fanout" : "direct"),
                                  .passive = request.passive ? 1 : 0,
                                  .durable = 1});
    case Method::kQueueDeclare:
      return EncodeQueueDeclare(request, out);
    case Method::kQueueBind:
      return append(AMQP_QUEUE_BIND_METHOD, amqp_queue_bind_t{.queue = Bytes(request.queue),
                                                              .exchange = Bytes(request.exchange),
                                                              .routing_key = Bytes(request.routing_key)});
    case Method::kQueueDelete:
      return append(AMQP_QUEUE_DELETE_METHOD, amqp_queue_delete_t{.queue = Bytes(request.queue)});
    case Method::kConfirmSelect:
      return append(AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t{});
    case Method::kQos:
      return append(
          AMQP_BASIC_QOS_METHOD,
          amqp_basic_qos_t{.prefetch_count = static_cast<uint16_t>(std::min<uint32_t>(request.prefetch, UINT16_MAX))});
    case Method::kConsume:
      return append(AMQP_BASIC_CONSUME_METHOD,
                    amqp_basic_consume_t{.queue = Bytes(request.queue), .consumer_tag = consumer_tag()});
    case Method::kCancel:
      return append(AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t{.consumer_tag = consumer_tag()});
    case Method::kNack:
      return append(AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t{.delivery_tag = request.tag,
                                                              .multiple = request.multiple ? 1 : 0,
                                                              .requeue = request.requeue ? 1 : 0});
    case Method::kConnectionClose:
      return append(AMQP_CONNECTION_CLOSE_METHOD,
                    amqp_connection_close_t{.reply_code = 200, .reply_text = Bytes("done")});
  }
}

}  // namespace millrace::bus
