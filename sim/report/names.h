// What things of a run are called when people are told about it: "parse-1 (2nd life)", "raw/3", "job 7".
//
//   const Names names(plan, history);
//   names.Process(record.process, record.incarnation);
//
// Names from outside (ids of jobs, reasons) come out printable: control characters and bytes that are no UTF-8 are
// replaced. Indices that lead nowhere give a name with a question mark.
//
// Threading: immutable after construction. Ownership: plan and history must outlive it.
#ifndef MILLRACE_SIM_REPORT_NAMES_H_
#define MILLRACE_SIM_REPORT_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

class Names {
 public:
  Names(const Plan& plan, const History& history);

  const Plan& plan() const { return plan_; }
  const History& history() const { return history_; }

  size_t slots() const { return slots_.size(); }
  std::string Slot(uint16_t process) const;                           // "parse-1", "process-1" where it runs all stages
  uint32_t Lives(uint16_t process) const;                             // incarnations that the history knows
  uint32_t Life(uint16_t process, uint16_t incarnation) const;        // the how manieth, from 1
  std::string Process(uint16_t process, uint16_t incarnation) const;  // "parse-1 (2nd life)"; "parse-1" if it has one
  // Who does what the record says: a process, "feed", "broker", "fault 2" or "run".
  std::string Who(const Record& record) const;

  std::string Stage(uint16_t stage) const;
  std::string Topic(uint16_t topic) const;
  std::string Port(uint16_t port) const;
  std::string Partition(uint16_t topic, uint16_t partition) const;  // "raw/3"
  std::string Place(const Record& record) const;   // "raw/3 at offset 17"; on queues "raw/3, delivery 17"
  std::string Job(uint32_t job) const;             // "job 7"
  std::string Message(uint32_t message) const;     // "job 7", "job 7 in parsed (part 2/3)", "the dead letter of job 7"
  std::string Text(uint32_t text) const;           // of History::texts
  std::string Fault(uint64_t fault) const;         // "fault 2": by its id
  std::string FaultKind(uint64_t fault) const;     // "crash"
  std::string FaultTrigger(uint64_t fault) const;  // "when job 7 is about to be published"

 private:
  struct SlotInfo {
    std::string name;
    std::vector<uint16_t> incarnations;  // ascending
  };

  const Plan& plan_;
  const History& history_;
  std::vector<SlotInfo> slots_;
};

// At most `columns` characters, without control characters and bytes that are no UTF-8; "…" where something was cut.
std::string Printable(std::string_view text, size_t columns = 200);
// Characters of printable text.
size_t Characters(std::string_view text);
std::string Ordinal(uint64_t number);   // "1st", "22nd"
std::string Milliseconds(int64_t ns);   // "6,012.345"
std::string Duration(int64_t ns);       // "850 µs", "12.5 ms", "6.01 s"
std::string StatusName(uint64_t code);  // "UNAVAILABLE"

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_NAMES_H_
