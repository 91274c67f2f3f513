// How often clients of a real broker may have put a message there once more on their own. The broker's record has an order and no
// times (History::observed), but processes say from when to when they waited for an answer: a client repeats only what has none.
//
//   const ClientRepeats repeats(context);
//   if (beyond > repeats.Of(message)) …             // appended so much more often than published
//   if (beyond_in_all > repeats.InAll(stage)) …     // by all messages of that stage together
//
// Threading: immutable once made.
#ifndef MILLRACE_SIM_CHECKERS_CLIENT_REPEATS_H_
#define MILLRACE_SIM_CHECKERS_CLIENT_REPEATS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/checker.h"

namespace millrace::sim {

class ClientRepeats {
 public:
  explicit ClientRepeats(const CheckContext& context);

  // Once for each fault, and each trouble of its process, near to a time in which a publish of the message had no answer. Of
  // what the feed hands over nobody has written that down: once for each fault.
  uint64_t Of(uint32_t message) const;
  // Each fault, and each trouble, for as many as had no answer at one time.
  uint64_t InAll(uint16_t stage) const;  // kNoStage: the feed

 private:
  struct Client {
    std::vector<int64_t> troubles;
    std::multimap<uint32_t, int64_t> open;  // message, since when
  };
  size_t ClientOf(const Record& record) const;
  void Open(const Record& record);
  void Answer(const Record& record);
  void End(const Record& record);
  void Close(const Client& client, uint32_t message, int64_t since, int64_t until);

  const CheckContext& context_;
  const size_t stages_;
  std::vector<int64_t> struck_;
  std::vector<Client> clients_;                        // by process and stage
  std::vector<uint64_t> explained_;                    // by message
  std::vector<uint64_t> open_, most_open_, troubles_;  // by stage
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_CLIENT_REPEATS_H_
