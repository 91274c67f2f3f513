#include "bus/rabbitmq/amqp_content.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "bus/rabbitmq/byte_buffer.h"
#include "bus/rabbitmq/content_names.h"
#include "bus/rabbitmq/field_table.h"

namespace millrace::bus {

using namespace content;

namespace {

constexpr uint16_t kNone = UINT16_MAX;

}  // namespace

struct ContentReader::Properties {
  uint16_t flags = 0;
  std::string_view headers;
  std::array<std::string_view, 16> text;  // of the properties that are short strings, by bit
  uint8_t priority = 0;
  uint64_t timestamp = 0;

  bool Has(int bit) const { return (flags >> bit & 1) != 0; }

  // False where the bytes are no properties.
  bool Parse(std::string_view bytes) {
    if (bytes.size() < 2) return false;
    flags = Get16(bytes.data());
    bytes.remove_prefix(2);
    if ((flags & 3) != 0) return false;  // more flags than there are properties
    for (int bit = kContentType; bit >= kClusterId; --bit) {
      if (Has(bit) && !ParseOne(bit, bytes)) return false;
    }
    return bytes.empty();
  }

 private:
  bool ParseOne(int bit, std::string_view& bytes) {
    const auto take = [&bytes](size_t count, std::string_view& into) {
      if (bytes.size() < count) return false;
      into = bytes.substr(0, count);
      bytes.remove_prefix(count);
      return true;
    };
    std::string_view part;
    switch (bit) {
      case kHeaders:
        return take(4, part) && take(Get32(part.data()), headers);
      case kDeliveryMode:
        return take(1, part);
      case kPriority:
        if (!take(1, part)) return false;
        priority = static_cast<uint8_t>(part[0]);
        return true;
      case kTimestamp:
        if (!take(8, part)) return false;
        timestamp = Get64(part.data());
        return true;
      default:
        return take(1, part) && take(static_cast<unsigned char>(part[0]), text[static_cast<size_t>(bit)]);
    }
  }
};

namespace {

// What the server adds to a message on its own account when it dies.
bool OfTheServer(std::string_view name) {
  return name == "x-death" || name.substr(0, 14) == "x-first-death-" || name.substr(0, 13) == "x-last-death-";
}

uint32_t CountOf(const Field& field) {
  const std::optional<int64_t> count = IntegerOf(field);
  if (!count.has_value() || *count < 0) return 0;
  return static_cast<uint32_t>(std::min<int64_t>(*count, UINT32_MAX));
}

}  // namespace

// Brings entries_ into the order in which they were published.
void ContentReader::PutInOrder(std::string_view order) {
  if (order.empty()) return;
  size_t ours = entries_.size();
  if (ours != order.size()) {
    const auto end = std::stable_partition(entries_.begin(), entries_.end(),
                                           [](const Entry& entry) { return !OfTheServer(entry.name); });
    ours = static_cast<size_t>(end - entries_.begin());
  }
  if (ours != order.size()) return;  // somebody has changed them: they are what they are
  // Which entry is the nth by name, if they are as they were published.
  sorted_.assign(ours, kNone);
  for (size_t i = 0; i < ours; ++i) {
    const auto place = static_cast<unsigned char>(order[i]);
    if (place >= ours || sorted_[place] != kNone) return;  // no permutation
    sorted_[place] = static_cast<uint16_t>(i);
  }
  const auto name = [this](size_t place) { return entries_[place].name; };
  bool in_place = true;
  for (size_t i = 1; i < ours && in_place; ++i) in_place = name(sorted_[i - 1]) < name(sorted_[i]);
  if (in_place) return;  // the server has not sorted them
  SortPlaces(ours, name, sorted_.data());
  ordered_.clear();
  for (const char c : order) ordered_.push_back(entries_[sorted_[static_cast<unsigned char>(c)]]);
  ordered_.insert(ordered_.end(), entries_.begin() + static_cast<ptrdiff_t>(ours), entries_.end());
  std::swap(entries_, ordered_);
}

std::string_view ContentReader::TextOf(const Field& field) {
  if (field.kind == 'S' || field.kind == 'x' || field.kind == 'V') return field.value;
  AppendAsText(field, texts_.emplace_back());
  return texts_.back();
}

bool ContentReader::ReadOurs(std::string_view bytes, ReadContent& content) {
  std::string_view order, block;
  bool has_block = false;
  FieldTable table(bytes);
  while (const std::optional<Field> field = table.Next()) {
    if (field->name == kDeliveryCount) {
      content.delivery_count = CountOf(*field);
    } else if (field->kind == 'x' && field->name == kKey) {
      content.message.key = field->value;
    } else if (field->kind == 'x' && field->name == kOrder) {
      order = field->value;
    } else if (field->kind == 'x' && field->name == kBlock) {
      block = field->value;
      has_block = Headers::Valid(block);
    } else if (field->kind == 't' && field->name == kNull) {
      content.message.body = std::nullopt;
    } else if (field->kind == 'l' && field->name == kTime) {
      content.message.timestamp_ms = IntegerOf(*field).value_or(0);
    } else {
      entries_.push_back({field->name, TextOf(*field), field->kind == 'V'});
    }
  }
  if (!table.ok()) return false;
  PutInOrder(order);
  HeaderBuilder headers(&block_);
  if (has_block) headers.AddAll(Headers(block));
  for (const Entry& entry : entries_) {
    headers.Add(entry.name, entry.is_null ? std::nullopt : std::optional<std::string_view>(entry.value));
  }
  return true;
}

bool ContentReader::ReadTheirs(const Properties& properties, ReadContent& content) {
  HeaderBuilder headers(&block_);
  bool has_content_type = false;
  FieldTable table(properties.headers);
  while (const std::optional<Field> field = table.Next()) {
    if (field->name == kDeliveryCount) {
      content.delivery_count = CountOf(*field);
      continue;
    }
    has_content_type = has_content_type || field->name == "content-type";
    headers.Add(field->name, field->kind == 'V' ? std::nullopt : std::optional<std::string_view>(TextOf(*field)));
  }
  if (!table.ok()) return false;
  constexpr std::pair<int, std::string_view> kNames[] = {
      {kContentEncoding, "amqp_content_encoding"},
      {kCorrelationId, "amqp_correlation_id"},
      {kReplyTo, "amqp_reply_to"},
      {kExpiration, "amqp_expiration"},
      {kMessageId, "amqp_message_id"},
      {kType, "amqp_type"},
      {kUserId, "amqp_user_id"},
      {kAppId, "amqp_app_id"},
      {kClusterId, "amqp_cluster_id"},
  };
  if (properties.Has(kContentType) && !has_content_type) {
    headers.Add("content-type", properties.text[kContentType]);
  }
  for (const auto& [bit, name] : kNames) {
    if (properties.Has(bit)) headers.Add(name, properties.text[static_cast<size_t>(bit)]);
  }
  if (properties.Has(kPriority)) headers.Add("amqp_priority", std::to_string(properties.priority));
  constexpr uint64_t kSecondsMax = INT64_MAX / 1000;
  content.message.timestamp_ms = static_cast<int64_t>(std::min(properties.timestamp, kSecondsMax) * 1000);
  return true;
}

ReadContent ContentReader::Read(std::string_view bytes, std::string_view body) {
  entries_.clear();
  texts_.clear();
  block_.clear();
  ReadContent content;
  content.message.body = body;
  Properties properties;
  bool good = properties.Parse(bytes);
  if (good) {
    const bool ours = properties.text[kAppId] == kOurs;
    good = ours ? ReadOurs(properties.headers, content) : ReadTheirs(properties, content);
    const std::string_view id = properties.text[kMessageId];
    std::from_chars(id.data(), id.data() + id.size(), content.message_id);
  }
  if (!good) {
    block_.clear();
    content = {};
    content.message.body = body;
    HeaderBuilder(&block_).Add(kUndecodable, bytes);
  }
  content.message.headers = Headers(block_);
  return content;
}

}  // namespace millrace::bus
