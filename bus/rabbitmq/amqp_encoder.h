// Requests (bus/memory/queue_wire.h) as AMQP 0-9-1 frames.
//
//   AmqpEncoder encoder;
//   encoder.Agree({.frame_max = 131072, .channel_max = 2047, .delivery_limit_unlimited = false});
//   encoder.Encode({.method = Method::kChannelOpen, .channel = 1}, out);
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_ENCODER_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_ENCODER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "bus/memory/queue_wire.h"
#include "bus/rabbitmq/byte_buffer.h"
#include "bus/rabbitmq/content_writer.h"

namespace millrace::bus {

inline constexpr uint8_t kMethodFrame = 1;
inline constexpr uint8_t kHeaderFrame = 2;
inline constexpr uint8_t kBodyFrame = 3;
inline constexpr uint8_t kHeartbeatFrame = 8;
inline constexpr uint8_t kFrameEnd = 0xCE;
inline constexpr size_t kFrameOverhead = 8;
inline constexpr uint16_t kBasicClass = 60;

// What client and server have agreed on for one connection.
struct AmqpAgreement {
  uint32_t frame_max = 131072;
  uint16_t channel_max = 2047;
  Duration heartbeat{};  // 0: none
  // From 4.0 on a quorum queue has a limit of 20 deliveries unless its declaration says -1, which earlier servers
  // refuse.
  bool declare_unlimited = false;
  bool dead_letters_once = false;  // a server before 3.10, which knows no dead letters at least once
  std::string server;              // "RabbitMQ 3.10.8", for people
};

// Appends one method frame; `decoded` is rabbitmq-c's struct for `method`.
void AppendMethod(uint16_t channel, uint32_t method, void* decoded, ByteBuffer& out);
void AppendHeartbeat(ByteBuffer& out);
// Properties and body of a content, in as many frames as it takes.
void AppendContent(uint16_t channel, const Message& message, uint64_t message_id, uint32_t frame_max,
                   ContentWriter& writer, ByteBuffer& out);

class AmqpEncoder {
 public:
  void Agree(const AmqpAgreement& agreement) { agreement_ = agreement; }
  void Encode(const Request& request, ByteBuffer& out) {
    if (request.method == Method::kPublish) return EncodePublish(request, out);
    EncodeOther(request, out);
  }

 private:
  void EncodeOther(const Request& request, ByteBuffer& out);
  void EncodeQueueDeclare(const Request& request, ByteBuffer& out) const;
  void EncodePublish(const Request& request, ByteBuffer& out);

  AmqpAgreement agreement_;
  ContentWriter content_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_ENCODER_H_
