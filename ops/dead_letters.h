// Dead letters as operators handle them: sorted into groups of a kind, chosen, and made into messages for their stage
// again.
//
// Threading: values. Ownership: a DeadLetter is a view of its message.
#ifndef MILLRACE_OPS_DEAD_LETTERS_H_
#define MILLRACE_OPS_DEAD_LETTERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/message.h"
#include "stages/settings.h"

namespace millrace::ops {

struct DeadLetter {
  std::string_view id, stage, reason, attempts, source, cut;
  uint64_t redriven = 0;
  std::string group;  // eight digits: the same for all of one stage and reason, whatever values the reason quotes
};
// `place` ("topic/partition/offset") is the id where the message carries none.
DeadLetter ReadDeadLetter(const bus::Message& message, std::string_view place);

// What an operator picks; what is empty matches all.
struct DeadLetterFilter {
  std::vector<std::string> ids;
  std::vector<std::string> stages;
  std::vector<std::string> groups;
  std::string reason;  // part of it
  bool Takes(const DeadLetter& letter) const;
};

struct DeadLetterGroup {
  std::string topic;
  std::string group;
  std::string stage;
  std::string reason;  // values masked
  uint64_t count = 0;
  uint64_t redriven = 0;         // of them, that had been redriven and failed again
  std::vector<std::string> ids;  // a few, the first
};

class DeadLetterGroups {
 public:
  void Add(const std::string& topic, const DeadLetter& letter);
  uint64_t count() const { return count_; }
  // The largest first.
  std::vector<DeadLetterGroup> Sorted() const;

 private:
  std::map<std::string, DeadLetterGroup> groups_;
  uint64_t count_ = 0;
};

// The message as it came to its stage, under its id, with mr_redriven one higher: `headers` is where the block is
// built. `body`: the whole, where the dead letter was cut. The result views `message`, `headers` and `body`.
bus::Message RedrivenMessage(const bus::Message& message, const DeadLetter& letter, std::string_view body,
                             std::string* headers);

// The partition of the stage's input that it goes to: that of its key, else one by its id.
int32_t RedrivenPartition(const bus::Message& message, const DeadLetter& letter, const stages::StageSettings& stage);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_DEAD_LETTERS_H_
