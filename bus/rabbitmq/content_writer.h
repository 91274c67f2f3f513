// Writes basic properties and headers as amqp_content.h has them.
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_CONTENT_WRITER_H_
#define MILLRACE_BUS_RABBITMQ_CONTENT_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "bus/message.h"
#include "bus/rabbitmq/byte_buffer.h"
#include "bus/rabbitmq/content_names.h"
#include "bus/rabbitmq/header_stencil.h"

namespace millrace::bus {

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

  static constexpr size_t kFixedBytes = 256;  // all fields and properties that have a bounded size

  // Writes property flags and properties: what stands behind the body's size in a content header frame. There is room for
  // PropertiesBytesMax; returns the end. `message_id` is given back by a basic.return.
  char* PutProperties(char* at, const Message& message, uint64_t message_id);
  // The same behind what is in a buffer.
  void AppendProperties(const Message& message, uint64_t message_id, ByteBuffer& out);

 private:
  static constexpr size_t kHeadBytes = 32;
  static constexpr int kSteady = 2;

  // What a header looks like in front of its value: a length, the name, a kind, the value's length. The latter two are
  // those of the last message. Copied as a whole, without a look at how long it is.
  struct Head {
    void Set(std::string_view name);
    // To another length of the value; false where the lengths are another name's.
    bool Adapt(uint64_t lengths);

    std::array<char, kHeadBytes> bytes;
    uint64_t lengths;  // as they lie in front of name and value in a block
    // So that names are compared as numbers: what else lies in a block at `at_first`, eight bytes each. The last eight of
    // a short name have some of the lengths before it among them.
    uint64_t first, last;
    uint32_t at_first;
    uint32_t name_size;
    uint32_t size;
    uint32_t value_size;
  };

  char* PutHeaders(char* at, const Message& message);
  char* PutFields(char* at, Headers headers);
  char* PutKnown(char* at, Headers headers);
  char* PutKnownOrder(char* at) const;
  char* PutAnew(char* at, Headers headers);
  char* PutOrder(char* at) const;
  char* PutMessageId(char* at, uint64_t message_id);
  void Remember(Headers headers);

  // Of the last message whose headers were written anew; of those that are known, the field that tells their order too.
  Layout layout_;
  size_t known_ = 0;
  std::array<Head, content::kFew> heads_{};
  std::array<char, kHeadBytes> order_{};
  size_t order_size_ = 0;
  // Of headers that are known and whose values kept their lengths; how many were written that did so and that it did not fit.
  HeaderStencil stencil_;
  int steady_ = 0;
  // Of the message before: mostly the next one has the number behind it.
  uint64_t last_id_ = 0;
  std::array<char, kHeadBytes> id_{};  // its length and its digits
};

// Most bytes that PutProperties writes for a message, or writes over. Each header takes two bytes less in a table than in a
// block, but for the byte of its place.
inline size_t PropertiesBytesMax(const Message& message) {
  return ContentWriter::kFixedBytes + ContentWriter::kOrderMax + message.headers.block().size() +
         (message.key ? message.key->size() : 0);
}

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_CONTENT_WRITER_H_
