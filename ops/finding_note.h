// A finding that a forked process leaves for its parent, when it can tell nothing in the way it should: memory that both
// have.
//
//   FindingNote note;
//   if (fork() == 0) { …; note.Write(finding); _exit(1); }
//   waitpid(…);
//   if (const std::optional<sim::StageFinding> finding = note.Read()) Print(finding->text);
//
// Threading: one thread writes, in one process; who reads does so after that has ended.
#ifndef MILLRACE_OPS_FINDING_NOTE_H_
#define MILLRACE_OPS_FINDING_NOTE_H_

#include <optional>

#include "sim/guard/stage_finding.h"

namespace millrace::ops {

class FindingNote {
 public:
  // Where the machine has no memory for it, nothing is ever read.
  FindingNote();
  ~FindingNote();
  FindingNote(const FindingNote&) = delete;
  FindingNote& operator=(const FindingNote&) = delete;

  // Keeps kind, stage, input, what and text, each cut off at some 16,000 bytes.
  void Write(const sim::StageFinding& finding);
  // nullopt: nobody has written.
  std::optional<sim::StageFinding> Read() const;

 private:
  struct Shared;
  Shared* shared_ = nullptr;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_FINDING_NOTE_H_
