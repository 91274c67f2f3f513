#include "bus/rabbitmq/amqp_content.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
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
  RememberShape(bytes, order);
  HeaderBuilder headers(&block_);
  if (has_block) headers.AddAll(Headers(block));
  for (const Entry& entry : entries_) {
    headers.Add(entry.name, entry.is_null ? std::nullopt : std::optional<std::string_view>(entry.value));
  }
  return true;
}

// What ReadKnown cannot do is not remembered: fields whose bytes are text first, headers in another order than they lie in,
// what the server has added.
void ContentReader::RememberShape(std::string_view bytes, std::string_view order) {
  using Role = ShapeField::Role;
  shape_size_ = 0;
  size_t size = 0;
  size_t entry = 0;
  FieldTable table(bytes);
  while (const std::optional<Field> field = table.Next()) {
    if (size == kFieldsMax) return;
    ShapeField& known = shape_[size++];
    if (field->name.size() >= known.head.size()) return;
    known.head_size = static_cast<uint8_t>(field->name.size() + 1);
    PutShortString(known.head.data(), field->name);
    known.role = Role::kHeader;
    if (entry < entries_.size() && entries_[entry].name.data() == field->name.data()) {
      if (field->kind != 'S' && field->kind != 'V') return;
      ++entry;
    } else if (field->kind == 'x' && field->name == kKey) {
      known.role = Role::kKey;
    } else if (field->kind == 'x' && field->name == kOrder) {
      known.role = Role::kOrder;
    } else if (field->kind == 'l' && field->name == kTime) {
      known.role = Role::kTime;
    } else {
      return;
    }
  }
  if (entry != entries_.size()) return;
  shape_order_ = order;
  shape_size_ = size;
}

// A message of the shape that is remembered, from the wire into the segment. False where it is of another, or makes no
// sense: nothing has happened then.
bool ContentReader::ReadKnown(std::string_view properties, std::string_view body, SegmentPool& pool,
                              SegmentRef& segment, Message& message) const {
  using Role = ShapeField::Role;
  constexpr uint16_t kTimed = 1u << kHeaders | 1u << kDeliveryMode | 1u << kMessageId | 1u << kTimestamp | 1u << kAppId;
  if (shape_size_ == 0 || properties.size() < 6) return false;
  const char* at = properties.data();
  const char* const end = at + properties.size();
  const uint16_t flags = Get16(at);
  const size_t table_size = Get32(at + 2);
  at += 6;
  if ((flags | 1u << kTimestamp) != kTimed || static_cast<size_t>(end - at) < table_size) return false;
  const char* const table_end = at + table_size;
  // Behind the table: delivery mode, message id, timestamp, app id and nothing else.
  const auto rest = static_cast<size_t>(end - table_end);
  if (rest < 2) return false;
  const size_t app = 2 + static_cast<unsigned char>(table_end[1]) + ((flags >> kTimestamp & 1) != 0 ? 8 : 0);
  if (rest != app + 1 + kOurs.size() || table_end[app] != static_cast<char>(kOurs.size()) ||
      !SameFew(table_end + app + 1, kOurs.data(), kOurs.size())) {
    return false;
  }
  struct Known {
    const char* name;
    const char* value;  // nullptr: null
    uint32_t name_size;
    uint32_t value_size;
  };
  Known headers[kFieldsMax];
  Known* header = headers;
  std::string_view key;
  bool has_key = false;
  int64_t timestamp_ms = 0;
  size_t block_bytes = 0;
  const ShapeField* const shape_end = shape_.data() + shape_size_;
  for (const ShapeField* field = shape_.data(); field != shape_end; ++field) {
    const size_t head_size = field->head_size;
    if (static_cast<size_t>(table_end - at) <= head_size || !SameFew(at, field->head.data(), head_size)) return false;
    const char kind = at[head_size];
    const char* const name = at + 1;
    at += head_size + 1;
    if (kind == 'S' || kind == 'x') {
      if (table_end - at < 4) return false;
      const size_t size = Get32(at);
      at += 4;
      if (static_cast<size_t>(table_end - at) < size) return false;
      const char* const value = at;
      at += size;
      if (kind == 'S') {
        if (field->role != Role::kHeader) return false;
        *header++ = {name, value, static_cast<uint32_t>(head_size - 1), static_cast<uint32_t>(size)};
        block_bytes += 8 + head_size - 1 + size;
      } else if (field->role == Role::kKey) {
        key = {value, size};
        has_key = true;
      } else if (field->role != Role::kOrder || size != shape_order_.size() ||
                 !SameFew(value, shape_order_.data(), size)) {
        return false;
      }
    } else if (kind == 'V') {
      if (field->role != Role::kHeader) return false;
      *header++ = {name, nullptr, static_cast<uint32_t>(head_size - 1), 0};
      block_bytes += 8 + head_size - 1;
    } else {
      if (kind != 'l' || field->role != Role::kTime || table_end - at < 8) return false;
      timestamp_ms = static_cast<int64_t>(Get64(at));
      at += 8;
    }
  }
  if (at != table_end) return false;

  const size_t bytes = block_bytes + key.size() + body.size();
  char* out = segment ? segment->Append(bytes) : nullptr;
  if (out == nullptr) {
    segment = pool.Take(bytes);
    out = segment->Append(bytes);
  }
  message.headers = Headers({out, block_bytes});
  for (const Known* h = headers; h != header; ++h) {
    const uint32_t lengths[2] = {h->name_size, h->value == nullptr ? 0 : h->value_size + 1};
    std::memcpy(out, lengths, sizeof(lengths));
    out = PutFew(PutFew(out + sizeof(lengths), h->name, h->name_size), h->value, h->value_size);
  }
  if (has_key) {
    message.key = std::string_view(out, key.size());
    out = PutFew(out, key);
  }
  message.body = std::string_view(out, body.size());
  PutBytes(out, body);
  message.timestamp_ms = timestamp_ms;
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

ReadContent ContentReader::Read(std::string_view properties, std::string_view body, SegmentPool& pool,
                                SegmentRef& segment) {
  ReadContent content;
  if (ReadKnown(properties, body, pool, segment, content.message)) return content;
  content = Read(properties, body);
  content.message_id = 0;
  std::optional<Message> copy;
  if (segment) copy = CopyInto(*segment.get(), content.message);
  if (!copy.has_value()) {
    segment = pool.Take(content.message.Bytes());
    copy = CopyInto(*segment.get(), content.message);
  }
  content.message = *copy;
  return content;
}

}  // namespace millrace::bus
