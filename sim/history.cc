#include "sim/history.h"

#include <iterator>

namespace millrace::sim {
namespace {

// In the order of the enumeration.
constexpr std::string_view kNames[] = {
    "submit",   "accepted", "start",     "crash",   "drain",   "stopped",   "paused",   "resumed",
    "assigned", "revoking", "released",  "lost",    "trouble", "delivered", "dispatch", "effect",
    "attempt",  "output",   "publish",   "confirm", "settle",  "commit",    "transact", "transacted",
    "refused",  "appended", "committed", "ended",   "acked",   "destroyed", "moved",    "fault",
    "healed",   "quiet",    "stuck",     "limit",   "end",
};
static_assert(std::size(kNames) == kKinds);

}  // namespace

std::string_view NameOf(Kind kind) {
  const auto index = static_cast<size_t>(kind);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

}  // namespace millrace::sim
