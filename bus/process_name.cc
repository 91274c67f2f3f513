#include "bus/process_name.h"

#include <unistd.h>

#include <cstdint>
#include <random>

#include "bus/hex.h"

namespace millrace::bus {

std::string DrawProcessName() {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  std::random_device random;
  const uint64_t drawn = uint64_t{random()} << 32 | random();
  return std::string(host) + "-" + std::to_string(getpid()) + "-" + Hex(drawn);
}

}  // namespace millrace::bus
