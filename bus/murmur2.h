// The hash that Apache Kafka's Java clients place keys with (org.apache.kafka.common.utils.Utils.murmur2: MurmurHash2,
// 32 bit, seed 0x9747b28c).
#ifndef MILLRACE_BUS_MURMUR2_H_
#define MILLRACE_BUS_MURMUR2_H_

#include <cstdint>
#include <string_view>

namespace millrace::bus {

// Returns the bits of Java's signed result.
uint32_t Murmur2(std::string_view bytes);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MURMUR2_H_
