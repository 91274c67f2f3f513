#include "tests/conformance/conformance.h"
#include "tests/conformance/queue_model_harness.h"

namespace millrace::conformance {

INSTANTIATE_TEST_SUITE_P(
    QueueModel, Conformance,
    ::testing::Values(Backend{.name = "Runs",
                              .make = [] { return std::make_unique<QueueModelHarness>(bus::ConfirmStyle::kMultiple); },
                              .not_applicable = "tests/conformance/queue_model.not_applicable",
                              .sequences = 200},
                      Backend{.name = "Scattered",
                              .make = [] { return std::make_unique<QueueModelHarness>(bus::ConfirmStyle::kScattered); },
                              .not_applicable = "tests/conformance/queue_model.not_applicable",
                              .sequences = 200}),
    NameOf);

}  // namespace millrace::conformance
