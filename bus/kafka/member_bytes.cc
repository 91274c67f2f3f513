#include "bus/kafka/member_bytes.h"

#include <algorithm>

namespace millrace::bus {

std::string MemberBytes(const rd_kafka_consumer_group_metadata_t* metadata) {
  void* bytes = nullptr;
  size_t size = 0;
  const RdError error(rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size));
  if (error != nullptr) return "";
  const std::string out(static_cast<const char*>(bytes), size);
  rd_kafka_mem_free(nullptr, bytes);
  return out;
}

// What two members without a generation have in common stands before their names, and says that they have none.
bool IsMember(std::string_view bytes, const std::string& group) {
  const auto without = [&](const char* member) {
    return MemberBytes(
        RdGroupMetadata(rd_kafka_consumer_group_metadata_new_with_genid(group.c_str(), -1, member, nullptr)).get());
  };
  const std::string a = without("a"), b = without("b");
  const auto name = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  const std::string_view common(a.data(), static_cast<size_t>(name - a.begin()));
  return !bytes.empty() && bytes.substr(0, common.size()) != common;
}

}  // namespace millrace::bus
