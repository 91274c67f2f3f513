#include "tests/conformance/conformance.h"
#include "tests/conformance/rabbit_harness.h"

namespace millrace::conformance {

INSTANTIATE_TEST_SUITE_P(RabbitMq, Conformance,
                         ::testing::Values(Backend{.name = "Quorum",
                                                   .make = [] { return std::make_unique<RabbitHarness>(); },
                                                   .not_applicable = "tests/conformance/rabbit.not_applicable",
                                                   .sequences = 6}),
                         NameOf);

}  // namespace millrace::conformance
