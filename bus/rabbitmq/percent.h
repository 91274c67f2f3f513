// Percent-encoding, as it stands in URLs.
//
// Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_PERCENT_H_
#define MILLRACE_BUS_RABBITMQ_PERCENT_H_

#include <optional>
#include <string>
#include <string_view>

namespace millrace::bus {

// As it stands in a path or a query.
std::string PercentEncoded(std::string_view text);

// nothing: a % that two digits do not follow.
std::optional<std::string> PercentDecoded(std::string_view text);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_PERCENT_H_
