// How a message lies in AMQP: basic properties, headers and body. docs/guides/rabbitmq.md has the table for people.
//
// Ours are marked by app_id "millrace". Headers are fields of kind S (bytes), V where null. Beside them, in kinds that
// no header of ours has: mr_key (x) the key, mr_null (t) a body that is null, timestamp_in_ms (l) the time. AMQP's
// tables promise no order, and the server sorts them when it counts redeliveries: mr_order (x) has, for each header in
// its order, its place among the sorted names. Where names repeat, are longer than 255 bytes, or are among those just
// named, mr_headers (x) holds all of them as the block of a HeaderBuilder and nothing else is written.
//
// Of other people's messages: fields become headers as text (field_table.h), then properties that have no counterpart:
// content-type, amqp_message_id, amqp_correlation_id, amqp_type and so on. Properties that make no sense become the one
// header amqp_undecodable: the message still comes, and can be dead-lettered.
//
// Threading: pure, but for ContentReader's scratch space: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_CONTENT_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_CONTENT_H_

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "bus/message.h"
#include "bus/rabbitmq/content_names.h"
#include "bus/rabbitmq/field_table.h"
#include "bus/segment.h"

namespace millrace::bus {

struct ReadContent {
  Message message;              // into the property and body bytes, and the reader's scratch space
  uint64_t message_id = 0;      // 0: none, or not a number
  uint32_t delivery_count = 0;  // x-delivery-count
};

class ContentReader {
 public:
  // `properties` as ContentWriter writes them. Valid until the next call and as long as the arguments' bytes.
  ReadContent Read(std::string_view properties, std::string_view body);
  // The same with the message's bytes in `segment`: the one given, or where that has no room (or is none) a fresh one of the
  // pool. The message id is left out, which nobody asks of a delivery.
  ReadContent Read(std::string_view properties, std::string_view body, SegmentPool& pool, SegmentRef& segment);

 private:
  static constexpr size_t kFieldsMax = content::kFew + 3;  // of a message whose shape is remembered

  // What stands in front of a field's value, but for its kind where that is a header's: a length and the name.
  struct ShapeField {
    enum class Role : uint8_t { kHeader, kKey, kOrder, kTime } role = Role::kHeader;
    uint8_t head_size = 0;
    std::array<char, 62> head;
  };

  struct Entry {
    std::string_view name;
    std::string_view value;
    bool is_null = false;
  };
  struct Properties;

  bool ReadOurs(std::string_view table, ReadContent& content);
  bool ReadTheirs(const Properties& properties, ReadContent& content);
  std::string_view TextOf(const Field& field);
  void PutInOrder(std::string_view order);
  void RememberShape(std::string_view table, std::string_view order);
  bool ReadKnown(std::string_view properties, std::string_view body, SegmentPool& pool, SegmentRef& segment,
                 Message& message) const;

  std::vector<Entry> entries_;
  std::vector<Entry> ordered_;
  std::vector<uint16_t> sorted_;
  std::deque<std::string> texts_;  // what views are taken of stays where it is
  std::string block_;

  // The fields of the last message of ours that was read field by field and whose headers lay in their order: most that
  // come after it have the same.
  size_t shape_size_ = 0;
  std::array<ShapeField, kFieldsMax> shape_;
  std::string shape_order_;  // the value of mr_order
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_CONTENT_H_
