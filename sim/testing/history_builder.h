// Writes histories by hand, for tests of checkers and of what shows them.
//
//   HistoryBuilder b;
//   b.Topic("raw", 2).Topic("clean").Topic("dead").DeadLetters();
//   b.Stage("parse", "raw", {"clean"}, "dead");
//   const uint32_t job = b.Job("a", "raw", "key");
//   b.Feed(job).Assign(0, "parse");
//   const uint32_t out = b.Derive(b.Input(job), "parse", "clean");
//   b.Work(0, "parse", b.Input(job), {out});       // delivered, done, confirmed, settled, committed
//   b.Quiet();
//   EXPECT_EQ(Check(kNoLoss, b.history()).verdict, Verdict::kPass);
//
// Each record comes a millisecond after the one before. Places, epochs, attempts and offsets are filled in from what was
// written before; last() is the record written last, to compare evidence with. Names that were not declared are checks.
//
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_TESTING_HISTORY_BUILDER_H_
#define MILLRACE_SIM_TESTING_HISTORY_BUILDER_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/history.h"

namespace millrace::sim {

class HistoryBuilder {
 public:
  // ---- topology
  HistoryBuilder& Queues();  // the broker has queues; a log else
  HistoryBuilder& Topic(std::string_view name, uint16_t partitions = 1);
  HistoryBuilder& DeadLetters();  // of the topic declared last
  HistoryBuilder& Receipts();
  HistoryBuilder& Unordered();
  HistoryBuilder& Stage(std::string_view name, std::string_view input, std::initializer_list<std::string_view> outputs,
                        std::string_view dead_letter = "");
  HistoryBuilder& Sink();  // the stage declared last keeps receipts in its effects
  HistoryBuilder& ParkKey();
  HistoryBuilder& ExactlyOnce();
  HistoryBuilder& Window(uint32_t messages);
  HistoryBuilder& Branch(std::string_view branch);
  uint16_t topic(std::string_view name) const;
  uint16_t stage(std::string_view name) const;

  // ---- messages
  uint32_t Job(std::string_view name, std::string_view topic, std::string_view key = "", uint16_t partition = 0);
  uint32_t Input(uint32_t job) const { return history_.jobs[job].message; }
  // An output of `input`: with its key and partition, and its share if none is given.
  uint32_t Derive(uint32_t input, std::string_view stage, std::string_view topic, std::string_view share = "=");
  uint32_t DeadLetter(uint32_t of, std::string_view stage, std::string_view reason = "INVALID_ARGUMENT: no");
  uint32_t Receipt(uint32_t of, std::string_view stage, std::string_view topic);
  // Another content under the message's id.
  uint32_t Other(uint32_t message);
  HistoryBuilder& Key(uint32_t message, std::string_view key);
  HistoryBuilder& Partition(uint32_t message, uint16_t partition);
  MessageInfo& info(uint32_t message) { return history_.messages[message]; }

  // ---- records of the feed and the broker
  HistoryBuilder& Submit(uint32_t job);
  HistoryBuilder& Accept(uint32_t job);
  HistoryBuilder& Append(uint32_t message);
  HistoryBuilder& Feed(uint32_t job);  // the three
  HistoryBuilder& Committed(std::string_view stage, uint16_t partition, uint64_t next);
  HistoryBuilder& Acked(std::string_view stage, uint32_t message);
  HistoryBuilder& Destroy(std::string_view stage, uint32_t message);
  HistoryBuilder& Moved(std::string_view stage);

  // ---- records of processes
  HistoryBuilder& Start(uint16_t process);
  HistoryBuilder& Crash(uint16_t process);
  HistoryBuilder& Drain(uint16_t process);
  HistoryBuilder& Stopped(uint16_t process, bool clean = true);
  HistoryBuilder& Assign(uint16_t process, std::string_view stage, uint16_t partition = 0);
  HistoryBuilder& Revoke(uint16_t process, std::string_view stage, uint16_t partition = 0);
  HistoryBuilder& Release(uint16_t process, std::string_view stage, uint16_t partition = 0);
  HistoryBuilder& Lose(uint16_t process, std::string_view stage, uint16_t partition = 0);
  HistoryBuilder& Trouble(uint16_t process, std::string_view stage, uint64_t code);
  // That so much of a partition was destroyed, from that offset on.
  HistoryBuilder& DataLoss(uint16_t process, std::string_view stage, uint16_t partition = 0, uint64_t first = 0,
                           uint32_t count = kNoEnd);
  HistoryBuilder& Deliver(uint16_t process, std::string_view stage, uint32_t message);
  HistoryBuilder& Dispatch(uint16_t process, std::string_view stage, uint32_t message);
  // With what came of it: outputs, or a status that is not OK.
  HistoryBuilder& Attempt(uint16_t process, std::string_view stage, uint32_t message,
                          std::initializer_list<uint32_t> outputs = {}, uint64_t code = 0);
  HistoryBuilder& Die(uint16_t process, std::string_view stage, uint32_t dead_letter);  // made, not published yet
  HistoryBuilder& Effect(uint16_t process, std::string_view stage, uint32_t message, bool repeat = false);
  // A port has answered Unavailable.
  HistoryBuilder& Refused(uint16_t process, std::string_view stage, uint32_t message, bool done = false);
  HistoryBuilder& Publish(uint16_t process, std::string_view stage, uint32_t message);
  HistoryBuilder& Confirm(uint16_t process, std::string_view stage, uint32_t message, uint64_t code = 0);
  HistoryBuilder& Settle(uint16_t process, std::string_view stage, uint32_t message);
  HistoryBuilder& Commit(uint16_t process, std::string_view stage, uint16_t partition, uint64_t next);

  // ---- transactions, by number; each ends with a marker in every partition that it has written to
  HistoryBuilder& AppendIn(uint64_t transaction, uint32_t message);
  HistoryBuilder& Transact(uint16_t process, std::string_view stage, bool commit = true);
  HistoryBuilder& Ended(uint64_t transaction, uint16_t process, std::string_view stage, bool commit = true,
                        TransactionEnd why = TransactionEnd::kAsked);
  HistoryBuilder& CommittedIn(uint64_t transaction, std::string_view stage, uint16_t partition, uint64_t next);
  HistoryBuilder& Transacted(uint16_t process, std::string_view stage, bool commit = true, uint64_t code = 0);
  // Published, appended in it, and confirmed.
  HistoryBuilder& SentIn(uint64_t transaction, uint16_t process, std::string_view stage, uint32_t message);
  // Asked, done, told, settled: commits it with the settlement of the message.
  HistoryBuilder& SettledIn(uint64_t transaction, uint16_t process, std::string_view stage, uint32_t message);
  // As Work.
  HistoryBuilder& WorkIn(uint64_t transaction, uint16_t process, std::string_view stage, uint32_t message,
                         std::initializer_list<uint32_t> outputs = {});

  // All of it: delivered and dispatched; done; published, appended and confirmed; settled, and that taken.
  HistoryBuilder& Work(uint16_t process, std::string_view stage, uint32_t message,
                       std::initializer_list<uint32_t> outputs = {});
  HistoryBuilder& Sent(uint16_t process, std::string_view stage, uint32_t message);     // published … confirmed
  HistoryBuilder& Settled(uint16_t process, std::string_view stage, uint32_t message);  // settled, and that taken

  // ---- records of the world
  HistoryBuilder& Fault(uint64_t number = 0);        // it fires, and strikes
  HistoryBuilder& FaultInVain(uint64_t number = 0);  // it fires, and nothing meets it
  HistoryBuilder& Quiet();
  HistoryBuilder& Stuck(std::string_view text, bool livelock = false);
  HistoryBuilder& Limit(std::string_view text);
  HistoryBuilder& State(std::string_view place, std::string_view key, std::string_view state);

  uint32_t last() const { return static_cast<uint32_t>(history_.records.size()) - 1; }
  Record& record(uint32_t at) { return history_.records[at]; }
  const History& history() const { return history_; }
  History& history() { return history_; }

 private:
  using Place = std::tuple<uint16_t, uint16_t, uint16_t>;  // process, stage, partition
  Record& Add(Kind kind);
  Record& Of(Kind kind, uint16_t process, std::string_view stage);
  Record& At(Kind kind, uint16_t process, std::string_view stage, uint32_t message);
  Record& Holding(Kind kind, uint16_t process, std::string_view stage, uint16_t partition);
  uint32_t KeyOf(std::string_view key);
  uint32_t AddText(std::string_view text);
  uint32_t AddMessage(MessageInfo info, uint16_t partition);

  History history_;
  std::vector<uint16_t> partition_;                              // of messages
  std::vector<uint64_t> sequence_;                               // of messages: the last append
  std::map<std::pair<uint16_t, uint16_t>, uint64_t> appended_;   // by topic and partition
  std::map<std::pair<uint16_t, uint16_t>, uint64_t> committed_;  // by stage and partition
  std::map<Place, uint64_t> epoch_, tag_;
  std::map<uint64_t, std::set<std::pair<uint16_t, uint16_t>>> written_;  // by transaction: topic and partition
  std::map<std::tuple<uint16_t, uint16_t, uint32_t>, uint32_t> attempts_;
  std::map<std::tuple<uint16_t, uint16_t, uint32_t>, uint64_t> delivered_;  // queues: the tag
  std::map<uint16_t, uint16_t> life_;
  uint64_t next_epoch_ = 1;
  uint64_t next_id_ = 1;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_TESTING_HISTORY_BUILDER_H_
