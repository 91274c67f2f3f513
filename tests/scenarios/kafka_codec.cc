#include "tests/scenarios/kafka_codec.h"

#include <algorithm>
#include <array>

namespace millrace::scenarios {
namespace {

// CRC-32C (Castagnoli), reflected polynomial.
uint32_t Crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? (c >> 1) ^ 0x82F63B78U : c >> 1;
      made[i] = c;
    }
    return made;
  }();
  uint32_t crc = ~0U;
  for (const char c : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint8_t>(c)) & 0xFF];
  return ~crc;
}

}  // namespace

KafkaWriter& KafkaWriter::Big(uint64_t v, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out_.push_back(static_cast<char>(v >> shift));
  return *this;
}

KafkaWriter& KafkaWriter::Varint(uint64_t v) {
  for (; v >= 0x80; v >>= 7) out_.push_back(static_cast<char>(v | 0x80));
  out_.push_back(static_cast<char>(v));
  return *this;
}

KafkaWriter& KafkaWriter::Text(std::string_view text) {
  flexible_ ? Varint(text.size() + 1) : I16(static_cast<int16_t>(text.size()));
  return Raw(text);
}

KafkaWriter& KafkaWriter::MaybeText(const std::optional<std::string>& text) {
  if (text.has_value()) return Text(*text);
  return flexible_ ? Varint(0) : I16(-1);
}

KafkaWriter& KafkaWriter::Bytes(std::string_view bytes) {
  flexible_ ? Varint(bytes.size() + 1) : I32(static_cast<int32_t>(bytes.size()));
  return Raw(bytes);
}

KafkaWriter& KafkaWriter::Count(size_t n) { return flexible_ ? Varint(n + 1) : I32(static_cast<int32_t>(n)); }

uint64_t KafkaReader::Big(int bytes) {
  uint64_t v = 0;
  for (const char c : Take(static_cast<size_t>(bytes))) v = v << 8 | static_cast<uint8_t>(c);
  // Negative numbers shorter than 8 bytes are cut by the caller's type.
  return v;
}

uint64_t KafkaReader::Varint() {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto c = static_cast<uint8_t>(Big(1));
    v |= static_cast<uint64_t>(c & 0x7F) << shift;
    if ((c & 0x80) == 0) break;
  }
  return v;
}

std::string KafkaReader::Take(size_t size) {
  if (size > in_.size()) {
    ok_ = false;
    in_ = {};
    return std::string(std::min<size_t>(size, 8), '\0');
  }
  std::string taken(in_.substr(0, size));
  in_.remove_prefix(size);
  return taken;
}

std::string KafkaReader::Text() {
  const int64_t size = flexible_ ? static_cast<int64_t>(Varint()) - 1 : I16();
  return size <= 0 ? "" : Take(static_cast<size_t>(size));
}

std::string KafkaReader::Bytes() {
  const int64_t size = flexible_ ? static_cast<int64_t>(Varint()) - 1 : I32();
  return size <= 0 ? "" : Take(static_cast<size_t>(size));
}

size_t KafkaReader::Count() {
  const int64_t count = flexible_ ? static_cast<int64_t>(Varint()) - 1 : I32();
  return count <= 0 ? 0 : std::min(static_cast<size_t>(count), in_.size());
}

void KafkaReader::End() {
  if (!flexible_) return;
  for (uint64_t tags = Varint(); tags > 0 && ok_; --tags) {
    Varint();
    Take(Varint());
  }
}

std::string EncodeBatch(const KafkaBatch& batch) {
  const auto last = static_cast<int32_t>(batch.values.size()) - 1;
  KafkaWriter body;  // from the attributes on: what the sum is over
  body.I16(batch.transactional ? 0x10 : 0).I32(last).I64(batch.timestamp_ms).I64(batch.timestamp_ms);
  body.I64(batch.producer_id).I16(batch.producer_epoch).I32(batch.first_sequence);
  body.I32(last + 1);
  for (size_t i = 0; i < batch.values.size(); ++i) {
    KafkaWriter record;
    record.I8(0).Zigzag(0).Zigzag(static_cast<int64_t>(i)).Zigzag(-1);
    record.Zigzag(static_cast<int64_t>(batch.values[i].size())).Raw(batch.values[i]).Zigzag(0);
    body.Zigzag(static_cast<int64_t>(record.bytes().size())).Raw(record.bytes());
  }
  KafkaWriter out;
  out.I64(0).I32(static_cast<int32_t>(4 + 1 + 4 + body.bytes().size()));  // base offset, length of the rest
  out.I32(-1).I8(2).I32(static_cast<int32_t>(Crc32c(body.bytes()))).Raw(body.bytes());
  return out.bytes();
}

}  // namespace millrace::scenarios
