// What stands for what in the content of our messages (amqp_content.h has the table), for its writer and its reader.
#ifndef MILLRACE_BUS_RABBITMQ_CONTENT_NAMES_H_
#define MILLRACE_BUS_RABBITMQ_CONTENT_NAMES_H_

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace millrace::bus::content {

inline constexpr std::string_view kOurs = "millrace";
inline constexpr std::string_view kKey = "mr_key";
inline constexpr std::string_view kNull = "mr_null";
inline constexpr std::string_view kOrder = "mr_order";
inline constexpr std::string_view kBlock = "mr_headers";
inline constexpr std::string_view kTime = "timestamp_in_ms";
inline constexpr std::string_view kDeliveryCount = "x-delivery-count";
inline constexpr std::string_view kUndecodable = "amqp_undecodable";
inline constexpr size_t kFew = 16;  // headers: most messages have no more

// Bits of the property flags, in the order of the properties.
enum Bit {
  kContentType = 15,
  kContentEncoding = 14,
  kHeaders = 13,
  kDeliveryMode = 12,
  kPriority = 11,
  kCorrelationId = 10,
  kReplyTo = 9,
  kExpiration = 8,
  kMessageId = 7,
  kTimestamp = 6,
  kType = 5,
  kUserId = 4,
  kAppId = 3,
  kClusterId = 2,
};

// Sorts the places 0 to count-1 by name, those of equal names in their order. Few are sorted without memory of the heap.
template <class Place, class NameOf>
void SortPlaces(size_t count, NameOf name, Place* places) {
  for (size_t i = 0; i < count; ++i) places[i] = static_cast<Place>(i);
  if (count > kFew) {
    std::stable_sort(places, places + count, [&](Place a, Place b) { return name(a) < name(b); });
    return;
  }
  for (size_t i = 1; i < count; ++i) {
    const std::string_view mine = name(i);
    size_t to = i;
    for (; to > 0 && mine < name(places[to - 1]); --to) places[to] = places[to - 1];
    places[to] = static_cast<Place>(i);
  }
}

}  // namespace millrace::bus::content

#endif  // MILLRACE_BUS_RABBITMQ_CONTENT_NAMES_H_
