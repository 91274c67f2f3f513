#include "tests/conformance/conformance.h"
#include "tests/conformance/queue_model_harness.h"
#include "tests/conformance/rabbit_harness.h"

namespace millrace::conformance {

INSTANTIATE_TEST_SUITE_P(RabbitMq, Conformance,
                         ::testing::Values(Backend{
                             .name = "Quorum",
                             .make = [] { return std::make_unique<RabbitHarness>(); },
                             .not_applicable = "tests/conformance/rabbit.not_applicable",
                             .sequences = 6,
                             .model =
                                 [] { return std::make_unique<QueueModelHarness>(bus::ConfirmStyle::kMultiple); }}),
                         NameOf);

}  // namespace millrace::conformance
