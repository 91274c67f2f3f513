#include "sim/story/comparators.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "sim/scheduler.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kServices = 3;
constexpr uint32_t kSlowService = 1;
// Of the Queuer: what it calls the services for at once, as many as the dataflow has attempts at its second stage.
constexpr uint32_t kCallsAtOnce = 32;

// Jobs on their way through the services.
class Services {
 public:
  Services(const Workload& workload, Scheduler& scheduler)
      : workload_(workload),
        scheduler_(scheduler),
        finished_(workload.jobs * kServices, 0),
        done_at_(workload.jobs, -1) {}

  // A call that ends is an event kAttempt: a: the job, b: the caller's life and the service.
  void Call(uint32_t job, uint32_t service, uint64_t life, int64_t now) {
    const bool slow = service == kSlowService && workload_.slow(now);
    scheduler_.Add(now + workload_.service_ns + (slow ? workload_.slow_by_ns : 0), What::kAttempt, job,
                   life * kServices + service);
  }
  // True when it was the last service.
  bool Finish(uint32_t job, uint32_t service, int64_t now) {
    if (finished_[job * kServices + service]++ > 0) ++duplicates_;
    if (service + 1 < kServices) return false;
    if (done_at_[job] < 0) done_at_[job] = now;
    return true;
  }
  void Judge(Architecture& result) const {
    result.jobs = workload_.jobs;
    result.duplicates = duplicates_;
    for (uint32_t job = 0; job < workload_.jobs; ++job) {
      if (done_at_[job] < 0) continue;
      ++result.settled;
      result.all_done_ns = std::max(result.all_done_ns, done_at_[job]);
      result.longest_wait_ns = std::max(result.longest_wait_ns, done_at_[job] - workload_.arrival_ns(job));
    }
    result.lost = result.accepted - result.settled;
    if (result.lost > 0) result.all_done_ns = -1;
  }

 private:
  const Workload& workload_;
  Scheduler& scheduler_;
  std::vector<uint32_t> finished_;  // by job and service: how often
  std::vector<int64_t> done_at_;
  uint32_t duplicates_ = 0;
};

void Begin(const Workload& workload, Scheduler& scheduler) {
  for (uint32_t job = 0; job < workload.jobs; ++job) scheduler.Add(workload.arrival_ns(job), What::kFeed, job);
  scheduler.Add(workload.crash_at_ns, What::kFault);
  scheduler.Add(workload.crash_at_ns + workload.restart_ns, What::kStart);
}

}  // namespace

Architecture RunChain(const Workload& workload) {
  Architecture result{.name = "synchronous chain"};
  Scheduler scheduler;
  Services services(workload, scheduler);
  std::deque<uint32_t> waiting;  // callers
  uint64_t life = 0;
  bool down = false;
  bool busy = false;
  Begin(workload, scheduler);
  while (!scheduler.empty()) {
    const Event event = scheduler.Pop();
    switch (event.what) {
      case What::kFeed:
        waiting.push_back(event.a);
        break;
      case What::kAttempt: {
        if (event.b / kServices != life) break;  // that call broke
        const auto service = static_cast<uint32_t>(event.b % kServices);
        if (!services.Finish(event.a, service, event.at_ns)) {
          services.Call(event.a, service + 1, life, event.at_ns);
          break;
        }
        // The answer goes all the way back to whoever called.
        ++result.accepted;
        if (event.at_ns < workload.slow_at_ns + workload.slow_for_ns) ++result.accepted_while_slow;
        waiting.pop_front();
        busy = false;
        break;
      }
      case What::kFault:  // the second service dies: the call that waits for it breaks, and with it its caller's
        down = true;
        busy = false;
        ++life;
        break;
      case What::kStart:
        down = false;
        break;
      default:
        break;
    }
    if (busy || down || waiting.empty()) continue;
    busy = true;
    services.Call(waiting.front(), 0, life, event.at_ns);
  }
  services.Judge(result);
  return result;
}

Architecture RunQueuer(const Workload& workload) {
  Architecture result{.name = "Queuer"};
  Scheduler scheduler;
  Services services(workload, scheduler);
  std::deque<uint32_t> memory;   // accepted, not begun
  std::deque<uint32_t> outside;  // callers while there is no gateway
  uint64_t life = 0;
  bool down = false;
  uint32_t busy = 0;
  const auto accept = [&](uint32_t job, int64_t now) {
    ++result.accepted;
    if (now < workload.slow_at_ns + workload.slow_for_ns) ++result.accepted_while_slow;
    memory.push_back(job);
  };
  Begin(workload, scheduler);
  while (!scheduler.empty()) {
    const Event event = scheduler.Pop();
    switch (event.what) {
      case What::kFeed:
        if (down) {
          outside.push_back(event.a);
        } else {
          accept(event.a, event.at_ns);
        }
        break;
      case What::kAttempt: {
        if (event.b / kServices != life) break;  // nobody is left to go on with that job
        const auto service = static_cast<uint32_t>(event.b % kServices);
        if (services.Finish(event.a, service, event.at_ns)) {
          --busy;
        } else {
          services.Call(event.a, service + 1, life, event.at_ns);
        }
        break;
      }
      case What::kFault:  // the gateway dies, and what it had in memory is gone
        down = true;
        busy = 0;
        ++life;
        memory.clear();
        break;
      case What::kStart:
        down = false;
        for (uint32_t job : outside) accept(job, event.at_ns);
        outside.clear();
        break;
      default:
        break;
    }
    while (!down && busy < kCallsAtOnce && !memory.empty()) {
      ++busy;
      services.Call(memory.front(), 0, life, event.at_ns);
      memory.pop_front();
    }
  }
  services.Judge(result);
  return result;
}

}  // namespace millrace::sim
