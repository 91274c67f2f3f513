// Writes the page of a sample to standard output.
//
//   sample_page loss             the commit before the publish
//   sample_page hostile          the same, with names and texts that try to break out
//   sample_page busy RECORDS     a run of about that many records
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "sim/report/page.h"
#include "sim/report/sample.h"

int main(int argc, char** argv) {
  using namespace millrace::sim;
  const std::string_view which = argc > 1 ? argv[1] : "loss";
  Sample sample;
  if (which == "busy" && argc > 2) {
    sample = BusyRun(static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)));
  } else if (which == "hostile") {
    sample = Hostile();
  } else if (which == "loss") {
    sample = CommitBeforePublish();
  } else {
    std::cerr << "usage: sample_page loss | hostile | busy RECORDS\n";
    return 2;
  }
  std::cout << Page(
      sample.plan, sample.history, sample.findings,
      {.title = "A hand-written run of orders, seed 4711", .replay = "orders sim --plan failing.textproto"});
  return std::cout.flush() ? 0 : 1;
}
