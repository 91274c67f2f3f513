#include "stages/message_id.h"

#include "bus/digest.h"

namespace millrace::stages {

std::string PlaceId(std::string_view topic, const bus::Holding& holding, const bus::Delivery& delivery) {
  std::string id(topic);
  id += "/" + std::to_string(holding.partition.number) + "/";
  if (delivery.offset >= 0) return id + std::to_string(delivery.offset);
  std::string content(delivery.message.key.value_or(""));
  content.push_back('\0');
  content.append(delivery.message.body.value_or("")).append(delivery.message.headers.block());
  char hex[32];
  bus::WriteHex(bus::DigestOf(content), hex);
  return id.append(hex, sizeof(hex));
}

}  // namespace millrace::stages
