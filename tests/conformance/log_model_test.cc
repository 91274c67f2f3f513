#include "tests/conformance/conformance.h"
#include "tests/conformance/log_model_harness.h"

namespace millrace::conformance {

INSTANTIATE_TEST_SUITE_P(LogModel, Conformance,
                         ::testing::Values(Backend{.name = "Direct",
                                                   .make = [] { return std::make_unique<LogModelHarness>(); },
                                                   .not_applicable = "tests/conformance/log_model.not_applicable",
                                                   .sequences = 200}),
                         NameOf);

}  // namespace millrace::conformance
