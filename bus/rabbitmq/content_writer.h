// Writes basic properties and headers as amqp_content.h has them.
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_CONTENT_WRITER_H_
#define MILLRACE_BUS_RABBITMQ_CONTENT_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bus/message.h"
#include "bus/rabbitmq/byte_buffer.h"

namespace millrace::bus {

// Most bytes that AppendProperties adds for a message.
size_t PropertiesBytesMax(const Message& message);

// Most bytes of key and headers that fit a content header frame.
size_t HeadersBytesMax(uint32_t frame_max);

class ContentWriter {
 public:
  static constexpr size_t kOrderMax = 255;  // headers whose places fit a byte each

  // How the headers of a message are written.
  struct Layout {
    enum class Kind { kPlain, kOrdered, kBlock } kind = Kind::kPlain;
    size_t count = 0;
    std::array<uint8_t, kOrderMax> order;
  };

  // Appends property flags and properties: what stands behind the body's size in a content header frame. `message_id` is
  // given back by a basic.return.
  void AppendProperties(const Message& message, uint64_t message_id, ByteBuffer& out);

 private:
  struct Known {
    uint32_t at = 0;    // in heads_
    uint32_t size = 0;  // of the name
  };

  char* PutHeaders(char* at, const Message& message);
  char* PutKnown(char* at, Headers headers) const;
  char* PutAnew(char* at, Headers headers);
  void Remember(Headers headers);

  // Of the last message that was written anew.
  Layout layout_;
  std::string heads_;
  std::vector<Known> known_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_CONTENT_WRITER_H_
