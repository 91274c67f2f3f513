#include "tests/conformance/conformance.h"
#include "tests/conformance/log_model_harness.h"
#include "tests/conformance/memory_harness.h"
#include "tests/conformance/queue_model_harness.h"

namespace millrace::conformance {

INSTANTIATE_TEST_SUITE_P(
    Memory, Conformance,
    ::testing::Values(Backend{.name = "Log",
                              .make = [] { return std::make_unique<MemoryHarness>(MemoryHarness::Kind::kLog); },
                              .not_applicable = "tests/conformance/memory_log.not_applicable",
                              .sequences = 200,
                              .model = [] { return std::make_unique<LogModelHarness>(); }},
                      Backend{.name = "LogStrict",
                              .make = [] { return std::make_unique<MemoryHarness>(MemoryHarness::Kind::kLogStrict); },
                              .not_applicable = "tests/conformance/memory_log_strict.not_applicable",
                              .sequences = 200,
                              .model = [] { return std::make_unique<LogModelHarness>(); }},
                      Backend{
                          .name = "Queue",
                          .make = [] { return std::make_unique<MemoryHarness>(MemoryHarness::Kind::kQueue); },
                          .not_applicable = "tests/conformance/memory_queue.not_applicable",
                          .sequences = 200,
                          .model = [] { return std::make_unique<QueueModelHarness>(bus::ConfirmStyle::kMultiple); }}),
    NameOf);

}  // namespace millrace::conformance
