// What a process is called on a broker where nobody has named it: "host-4711-9c3f2a10d5e8b771".
//
// Host and process number say where it runs. They are not enough to tell two processes apart: containers may share a host's
// name (an image's, or the host's own), and each has a process 1. So a number is drawn, too, and no other process has the
// name, now or later.
//
// Threading: any thread. Blocking: no.
#ifndef MILLRACE_BUS_PROCESS_NAME_H_
#define MILLRACE_BUS_PROCESS_NAME_H_

#include <string>

namespace millrace::bus {

// Another one at each call: whoever needs it twice keeps it.
std::string DrawProcessName();

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_PROCESS_NAME_H_
