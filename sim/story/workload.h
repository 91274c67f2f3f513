// What happens to each architecture of the story, and what it made of it.
//
// Threading: values. Times are virtual nanoseconds from the first job on.
#ifndef MILLRACE_SIM_STORY_WORKLOAD_H_
#define MILLRACE_SIM_STORY_WORKLOAD_H_

#include <cstdint>
#include <string>

namespace millrace::sim {

inline constexpr int64_t kStoryMs = 1'000'000;

// Jobs come steadily to three services. The second is slow for a while; meanwhile one process dies and comes back; later
// one more process comes.
struct Workload {
  uint64_t salt = 1;  // of the run's luck
  uint32_t jobs = 200;
  uint32_t keys = 100;
  int64_t gap_ns = 10 * kStoryMs;
  int64_t service_ns = 2 * kStoryMs;  // of each service
  int64_t slow_at_ns = 500 * kStoryMs;
  int64_t slow_for_ns = 1500 * kStoryMs;
  int64_t slow_by_ns = 200 * kStoryMs;
  int64_t crash_at_ns = 1200 * kStoryMs;
  int64_t restart_ns = 300 * kStoryMs;
  int64_t join_at_ns = 1700 * kStoryMs;

  int64_t arrival_ns(uint32_t job) const { return int64_t{job} * gap_ns; }
  bool slow(int64_t at_ns) const { return at_ns >= slow_at_ns && at_ns < slow_at_ns + slow_for_ns; }
};

struct Architecture {
  std::string name;
  uint32_t jobs = 0;
  uint32_t accepted = 0;         // whoever handed it over was told that it is safe
  uint32_t settled = 0;          // all three services have done their work on it
  uint32_t lost = 0;             // accepted, and never settled
  uint32_t duplicates = 0;       // work on a job that was done before
  uint32_t done_while_slow = 0;  // until the second service is well again
  int64_t all_done_ns = -1;      // the last job that is settled; -1: something accepted never is
  int64_t longest_wait_ns = 0;   // from a job's coming to its end, of those that end
  std::string why;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_STORY_WORKLOAD_H_
