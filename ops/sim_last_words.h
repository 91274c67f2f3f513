// What is said where a signal ends the process in the middle of a simulation: which run, and whether a stage was running:
// which, and for which input. A plan that lies nowhere is written down first, so that it can be run again.
//
//   LastWords::Install();                                                       // once, for the process
//   const LastWords words({.words = "seed 17; run it alone with …"});           // for what this thread runs, until it is
//                                                                               // destroyed; then those before hold again
//
// Threading: the words are the thread's own.
#ifndef MILLRACE_OPS_SIM_LAST_WORDS_H_
#define MILLRACE_OPS_SIM_LAST_WORDS_H_

#include <string>
#include <string_view>

namespace millrace::ops {

struct RunWords {
  std::string words;      // "seed 17; run it alone with\n  …"
  std::string plan_path;  // where the plan goes when its run dies; empty: who reads the words has it
  std::string plan_text;
};

class LastWords {
 public:
  // Of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT.
  static void Install();

  explicit LastWords(RunWords words);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

  // Writes the plan, and tells the words on standard error, where this thread has any: "it was in …".
  static void Say();
  // With what stands before the words. A signal handler may call both.
  void Tell(std::string_view before) const;

 private:
  const RunWords words_;
  const LastWords* const outer_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_LAST_WORDS_H_
