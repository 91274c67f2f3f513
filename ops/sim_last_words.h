// A stage, or a check of Millrace's own, that ends the process with a signal: says which plan ran, and how to run it again,
// before the process goes down as it would have.
//
//   LastWords::Install();                      // once, by main's thread
//   LastWords last_words("seed 17; alone: orders sim --seed 17");   // for what this thread runs, until it is destroyed
//
// Threading: the words are the thread's own.
#ifndef MILLRACE_OPS_SIM_LAST_WORDS_H_
#define MILLRACE_OPS_SIM_LAST_WORDS_H_

#include <string_view>

namespace millrace::ops {

class LastWords {
 public:
  // Of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT.
  static void Install();

  explicit LastWords(std::string_view words);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_LAST_WORDS_H_
