// CHECK for programming errors. The world's errors (brokers, files, input) are absl::Status and never end the process.
//
//   MR_CHECK(epoch > 0) << "an assignment has an epoch";     // prints file, line, condition, message; aborts
//   MR_DCHECK(...)                                           // the same, compiled out where NDEBUG is defined
//
// Threading: any thread.
#ifndef MILLRACE_BUS_CHECK_H_
#define MILLRACE_BUS_CHECK_H_

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace millrace {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition) {
    stream_ << file << ":" << line << ": CHECK failed: " << condition << " ";
  }
  [[noreturn]] ~CheckFailure() {
    std::fputs(stream_.str().c_str(), stderr);
    std::fputc('\n', stderr);
    std::fflush(stderr);
    std::abort();
  }
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

}  // namespace millrace

#define MR_CHECK(condition)                              \
  if (__builtin_expect(static_cast<bool>(condition), 1)) \
    ;                                                    \
  else                                                   \
    ::millrace::CheckFailure(__FILE__, __LINE__, #condition).stream()

#ifdef NDEBUG
#define MR_DCHECK(condition) MR_CHECK(true || (condition))
#else
#define MR_DCHECK(condition) MR_CHECK(condition)
#endif

#endif  // MILLRACE_BUS_CHECK_H_
