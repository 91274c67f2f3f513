// Values that stand in a URL for what lies elsewhere: env:NAME and file:PATH, so that no secret is in a command line.
//
// Threading: a function, of any thread that does not race with changes of the environment.
#ifndef MILLRACE_BUS_SECRET_H_
#define MILLRACE_BUS_SECRET_H_

#include <string>

#include "absl/status/status.h"

namespace millrace::bus {

// Puts what env:NAME or file:PATH stands for (without line ends at its end) in the place of `value`; any other value
// stays. Errors: NotFound naming `what` and where it should have come from, never what is there.
absl::Status LookUpSecret(const std::string& what, std::string& value);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_SECRET_H_
