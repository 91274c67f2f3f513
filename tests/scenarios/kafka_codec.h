// Kafka's binary protocol, as far as the wire needs it: numbers, strings, arrays, in the plain encoding and in the flexible one
// (KIP-482) of newer versions; record batches.
// Source: https://kafka.apache.org/protocol.html, and the message definitions in clients/src/main/resources of Kafka.
//
// Threading: values.
#ifndef MILLRACE_TESTS_SCENARIOS_KAFKA_CODEC_H_
#define MILLRACE_TESTS_SCENARIOS_KAFKA_CODEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::scenarios {

class KafkaWriter {
 public:
  explicit KafkaWriter(bool flexible = false) : flexible_(flexible) {}

  KafkaWriter& I8(int8_t v) { return Big(static_cast<uint64_t>(v), 1); }
  KafkaWriter& I16(int16_t v) { return Big(static_cast<uint64_t>(v), 2); }
  KafkaWriter& I32(int32_t v) { return Big(static_cast<uint64_t>(v), 4); }
  KafkaWriter& I64(int64_t v) { return Big(static_cast<uint64_t>(v), 8); }
  // Unsigned variable-length; zigzag for signed ones.
  KafkaWriter& Varint(uint64_t v);
  KafkaWriter& Zigzag(int64_t v) { return Varint((static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63)); }
  KafkaWriter& Raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  // Strings, byte strings and lengths of arrays, as the version encodes them.
  KafkaWriter& Text(std::string_view text);
  KafkaWriter& MaybeText(const std::optional<std::string>& text);
  KafkaWriter& Bytes(std::string_view bytes);
  KafkaWriter& Count(size_t n);
  // The end of a struct: no tagged fields.
  KafkaWriter& End() { return flexible_ ? Varint(0) : *this; }

  const std::string& bytes() const { return out_; }

 private:
  KafkaWriter& Big(uint64_t v, int bytes);
  const bool flexible_;
  std::string out_;
};

// Reading behind the end gives zeros and makes ok() false.
class KafkaReader {
 public:
  explicit KafkaReader(std::string_view bytes, bool flexible = false) : in_(bytes), flexible_(flexible) {}

  int8_t I8() { return static_cast<int8_t>(Big(1)); }
  int16_t I16() { return static_cast<int16_t>(Big(2)); }
  int32_t I32() { return static_cast<int32_t>(Big(4)); }
  int64_t I64() { return static_cast<int64_t>(Big(8)); }
  uint64_t Varint();
  std::string Text();   // empty for null too
  std::string Bytes();  // so here
  // Not more than what could be there.
  size_t Count();
  void End();
  bool ok() const { return ok_; }

 private:
  uint64_t Big(int bytes);
  std::string Take(size_t size);
  std::string_view in_;
  const bool flexible_;
  bool ok_ = true;
};

// One record batch (magic 2) of records without keys and headers.
struct KafkaBatch {
  std::vector<std::string> values;
  int64_t timestamp_ms = 0;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  int32_t first_sequence = -1;
  bool transactional = false;
};
std::string EncodeBatch(const KafkaBatch& batch);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_KAFKA_CODEC_H_
