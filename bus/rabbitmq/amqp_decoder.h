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
    enum class Next : uint8_t { kNothing, kHeader, kBody } next = Next::kNothing;
    bool returned = false;  // else delivered
    bool redelivered = false;
    uint16_t code = 0;
    uint32_t consumer = 0;
    uint64_t tag = 0;
    std::string text;
    std::string properties;
    std::string body;
    uint64_t body_size = 0;
    uint64_t last_tag = 0;
    SegmentRef segment;  // where this channel's messages go
  };
  struct Memory;

  // One frame, and what has come behind it; false where it ends the connection.
  bool OnFrame(uint8_t type, uint16_t channel, std::string_view payload, std::string_view behind);
  bool OnMethod(uint16_t channel, std::string_view payload);
  // The methods that come with each message; false where it is another, or none that can be read.
  bool OnFrequentMethod(uint16_t channel, std::string_view payload);
  bool OnHandshake(uint32_t method, void* decoded);
  bool OnConnectionMethod(uint32_t method, void* decoded);
  bool OnChannelMethod(uint16_t channel, uint32_t method, void* decoded);
  bool OnStart(const void* decoded);
  bool OnTune(const void* decoded);
  bool OnHeader(uint16_t channel, std::string_view payload, std::string_view behind);
  bool OnBody(uint16_t channel, std::string_view payload);
  void Finish(uint16_t channel, Content& content, std::string_view properties, std::string_view body);
  Content* ContentOf(uint16_t channel) const { return channel < contents_.size() ? contents_[channel].get() : nullptr; }
  // Of which a method has come that a message follows.
  Content& Expect(uint16_t channel);
  void Forget(uint16_t channel);
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
  std::vector<std::unique_ptr<Content>> contents_;  // by channel; nullptr where none was needed
  size_t taken_ = 0;                                // bytes of frames behind the one at hand that are done with
  std::vector<Event>* events_ = nullptr;            // during Decode
  ByteBuffer* out_ = nullptr;                       // during Decode
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_DECODER_H_
