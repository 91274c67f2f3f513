#include "sim/story/story.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "sim/story/architectures.h"

namespace millrace::sim {
namespace {

std::string Seconds(int64_t ns) {
  const int64_t ms = (ns + kStoryMs / 2) / kStoryMs;
  char text[32];
  std::snprintf(text, sizeof(text), "%d.%03d s", static_cast<int>(ms / 1000), static_cast<int>(ms % 1000));
  return text;
}

// How many jobs have come when the second service is well again.
int64_t Come(const Workload& workload) {
  return std::min<int64_t>(workload.jobs, (workload.slow_at_ns + workload.slow_for_ns) / workload.gap_ns);
}

std::string Count(uint32_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

std::string WhyChain(const Workload& workload, const Architecture& a) {
  return "Nothing is lost, as a job stays on the bus until the last service has answered; but one job at a time: "
         "while the second service was slow everything stood behind it, " +
         std::to_string(a.done_while_slow) + " of " + std::to_string(Come(workload)) +
         " jobs were done when it was well again, and one waited " + Seconds(a.longest_wait_ns) + ".";
}

std::string WhyQueuer(const Architecture& a) {
  return "It acknowledges at once and keeps the job in memory: " + Count(a.lost, "job") +
         " that the bus had forgotten on its word died with the process, and nobody can tell which.";
}

std::string WhyAutoCommit(const Architecture& a) {
  return "The timer commits what was delivered, finished or not: " + Count(a.lost, "job") +
         " below the committed offset never came back after the crash or the hand-over.";
}

std::string WhyDataflow(const Architecture& a) {
  return "A job is accepted when the bus has it, and settled when all that came of it is confirmed: the crash and the "
         "hand-over cost " +
         Count(a.duplicates, "repetition") +
         ", which the sink recognises by id, and no job; a slow service slows what needs it.";
}

}  // namespace

absl::StatusOr<Story> TellStory(const StoryOptions& options) {
  Story story;
  story.workload = options.workload;
  auto chain = RunChain(options.workload);
  if (!chain.ok()) return chain.status();
  chain->why = WhyChain(options.workload, *chain);
  auto queuer = RunQueuer(options.workload);
  if (!queuer.ok()) return queuer.status();
  queuer->why = WhyQueuer(*queuer);
  auto timer = RunAutoCommit(options.workload, options.auto_commit_ns);
  if (!timer.ok()) return timer.status();
  timer->why = WhyAutoCommit(*timer);
  auto dataflow = RunDataflow(options.workload);
  if (!dataflow.ok()) return dataflow.status();
  dataflow->why = WhyDataflow(*dataflow);
  story.architectures = {*std::move(chain), *std::move(queuer), *std::move(timer), *std::move(dataflow)};
  return story;
}

std::string StoryText(const Story& story) {
  const Workload& w = story.workload;
  std::string text =
      std::to_string(w.jobs) + " jobs, one each " + Seconds(w.gap_ns) + ", through three services of " +
      Seconds(w.service_ns) + " each. From " + Seconds(w.slow_at_ns) + " to " + Seconds(w.slow_at_ns + w.slow_for_ns) +
      " the second takes " + Seconds(w.slow_by_ns) + " longer; at " + Seconds(w.crash_at_ns) +
      " one of two processes dies and is back after " + Seconds(w.restart_ns) + "; at " + Seconds(w.join_at_ns) +
      " one more comes. All four run in the simulator by that plan, with seed " + std::to_string(w.salt) + ".\n\n";
  char line[256];
  std::snprintf(line, sizeof(line), "%-24s %8s %10s %7s %5s %10s %10s %13s\n", "architecture", "accepted", "while slow",
                "settled", "lost", "duplicates", "all done", "longest wait");
  text += line;
  for (const Architecture& a : story.architectures) {
    std::snprintf(line, sizeof(line), "%-24s %8u %10u %7u %5u %10u %10s %13s\n", a.name.c_str(), a.accepted,
                  a.done_while_slow, a.settled, a.lost, a.duplicates,
                  a.all_done_ns < 0 ? "never" : Seconds(a.all_done_ns).c_str(), Seconds(a.longest_wait_ns).c_str());
    text += line;
  }
  text +=
      "\nWhile slow: done until the second service is well again, of " + std::to_string(Come(w)) + " that had come.\n";
  for (const Architecture& a : story.architectures) text += "\n" + a.name + ": " + a.why + "\n";
  return text;
}

}  // namespace millrace::sim
