// The server's bytes as events (bus/memory/queue_wire.h): the handshake, then methods, deliveries and returns. Pure:
// bytes come in, events and bytes to send come out. Nothing that a server can send is trusted: frames beyond the agreed
// size, contents without end, methods out of place end the connection with words.
//
//   AmqpDecoder decoder(options);
//   decoder.Start(out);                              // what a client says first
//   ... received bytes appended to decoder.input() ...
//   if (!decoder.Decode(events, out)) …              // over; the last event is kConnectionClosed
//
// Threading: one thread at a time. Ownership: events keep the segments that their messages lie in.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_DECODER_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_DECODER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/memory/queue_wire.h"
#include "bus/rabbitmq/amqp_content.h"
#include "bus/rabbitmq/amqp_encoder.h"
#include "bus/rabbitmq/amqp_options.h"
#include "bus/rabbitmq/byte_buffer.h"
#include "bus/segment.h"

namespace millrace::bus {

class AmqpDecoder {
 public:
  explicit AmqpDecoder(const AmqpOptions& options);
  ~AmqpDecoder();

  // Forgets everything: for a fresh connection.
  void Reset();
  void Start(ByteBuffer& out);
  ByteBuffer& input() { return input_; }
  // Appends to both. False when the connection is over.
  bool Decode(std::vector<Event>& events, ByteBuffer& out);
  // Why a connection that ends now without a word has ended.
  std::string WhyEnded() const;

  bool open() const { return state_ == State::kOpen; }
  // What Start and the handshake have agreed on, once open.
  const AmqpAgreement& agreement() const { return agreement_; }
  // The tag of the last delivery on a channel since it was opened; 0: none.
  uint64_t LastTag(uint16_t channel) const;

 private:
  enum class State { kStart, kTune, kOpenOk, kOpen, kOver };
  // A method that is followed by a message.
  struct Content {
    enum class Next { kNothing, kHeader, kBody } next = Next::kNothing;
    Event event;
    std::string properties;
    std::string body;
    uint64_t body_size = 0;
    uint64_t last_tag = 0;
    SegmentRef segment;  // where this channel's messages go
  };
  struct Memory;

  // One frame; false where it ends the connection.
  bool OnFrame(uint8_t type, uint16_t channel, std::string_view payload);
  bool OnMethod(uint16_t channel, std::string_view payload);
  bool OnHandshake(uint32_t method, void* decoded);
  bool OnConnectionMethod(uint32_t method, void* decoded);
  bool OnChannelMethod(uint16_t channel, uint32_t method, void* decoded);
  bool OnStart(const void* decoded);
  bool OnTune(const void* decoded);
  bool OnHeader(uint16_t channel, std::string_view payload);
  bool OnBody(uint16_t channel, std::string_view payload);
  void Finish(Content& content, std::string_view body);
  Event& Tell(EventKind kind, uint16_t channel);
  // Ends the connection for a reason of ours.
  bool Fail(std::string why);
  bool CheckFirstBytes(std::string_view bytes);

  const AmqpOptions options_;
  AmqpAgreement agreement_;
  State state_ = State::kStart;
  bool first_ = true;
  ByteBuffer input_;
  std::unique_ptr<Memory> memory_;  // for what rabbitmq-c decodes
  ContentReader reader_;
  SegmentPool pool_;
  std::map<uint16_t, Content> contents_;  // by channel
  std::vector<Event>* events_ = nullptr;  // during Decode
  ByteBuffer* out_ = nullptr;             // during Decode
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_DECODER_H_
