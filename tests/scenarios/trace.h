// What clients are told between two barriers, so that two runs can be compared: by client, then by what it is about (a partition,
// a channel), in order there. Neither times nor how events of different partitions are interleaved.
//
//   trace.Add("a", "t/0", "got", "m0"); trace.Add("a", "t/0", "got", "m1");
//   trace.Lines();                      // {"a t/0 got m0 m1"}
//
// Threading: one thread at a time.
#ifndef MILLRACE_TESTS_SCENARIOS_TRACE_H_
#define MILLRACE_TESTS_SCENARIOS_TRACE_H_

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

class Trace {
 public:
  // `about` is empty for what concerns the client as a whole. The same `what` twice in a row makes one line of both items.
  void Add(const std::string& client, const std::string& about, const std::string& what, const std::string& item = {}) {
    ++events_;
    std::vector<Event>& stream = streams_[{client, about}];
    if (!item.empty() && !stream.empty() && stream.back().what == what && !stream.back().items.empty()) {
      stream.back().items += " " + item;
    } else {
      stream.push_back({what, item});
    }
  }
  // A client took something and gave it back, and nothing came of it: the two lines are left out where they stand side by side.
  void Forget(const std::string& taken, const std::string& given_back) {
    for (auto& [key, stream] : streams_) {
      for (size_t i = 0; i + 1 < stream.size();) {
        const bool nothing = stream[i].what == taken && stream[i + 1].what == given_back;
        if (nothing)
          stream.erase(stream.begin() + static_cast<std::ptrdiff_t>(i),
                       stream.begin() + static_cast<std::ptrdiff_t>(i) + 2);
        i = nothing ? (i > 0 ? i - 1 : 0) : i + 1;
      }
    }
  }
  // Since the last Clear.
  Told Lines() const {
    Told lines;
    for (const auto& [key, stream] : streams_) {
      for (const Event& event : stream) {
        std::string line = key.first;
        for (const std::string* part : {&key.second, &event.what, &event.items}) {
          if (!part->empty()) line += " " + *part;
        }
        lines.push_back(std::move(line));
      }
    }
    return lines;
  }
  void Clear() { streams_.clear(); }
  // Ever added.
  size_t events() const { return events_; }

 private:
  struct Event {
    std::string what;
    std::string items;
  };
  std::map<std::pair<std::string, std::string>, std::vector<Event>> streams_;
  size_t events_ = 0;
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_TRACE_H_
