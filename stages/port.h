// Ports: the named ways from a stage to the outside (a store, a fetcher, a notifier). A port is an interface with a
// real and a simulated implementation; stages ask for it by name and never know which one they got.
//
//   class Geocoder : public Port { public: virtual absl::StatusOr<Point> Find(std::string_view address) = 0; };
//   Geocoder* geocoder = ports.Find<Geocoder>("geocoder");      // nullptr where the pipeline has no such port, or one
//   of another type
//
// A port method answers Unavailable for an outage, an answer that does not come included (the stage returns it, its breaker
// opens, nothing is used up; what was done is done again, and recognised by its id), and any other error for what is wrong
// with this one call.
//
// Threading: a port is shared by all threads of the stages that use it, so its methods are safe to call from any
// thread. Ownership: Ports owns; pointers live as long as it does.
#ifndef MILLRACE_STAGES_PORT_H_
#define MILLRACE_STAGES_PORT_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::stages {

class Port {
 public:
  virtual ~Port() = default;
  // Called once when everything that uses the port has stopped: flush, close, report what could not be kept. May block.
  virtual absl::Status Close() { return absl::OkStatus(); }
};

class Ports {
 public:
  // False when the name is taken.
  bool Add(std::string name, std::unique_ptr<Port> port) {
    return ports_.emplace(std::move(name), std::move(port)).second;
  }

  template <class P>
  P* Find(std::string_view name) const {
    auto it = ports_.find(name);
    return it == ports_.end() ? nullptr : dynamic_cast<P*>(it->second.get());
  }

  // Closes all, in the order of their names; the first error, after all have been closed.
  absl::Status Close() {
    absl::Status first;
    for (auto& [name, port] : ports_) first.Update(port->Close());
    return first;
  }

 private:
  std::map<std::string, std::unique_ptr<Port>, std::less<>> ports_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PORT_H_
