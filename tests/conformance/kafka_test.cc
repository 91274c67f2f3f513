#include "tests/conformance/conformance.h"
#include "tests/conformance/kafka_harness.h"
#include "tests/conformance/log_model_harness.h"

namespace millrace::conformance {

INSTANTIATE_TEST_SUITE_P(Kafka, Conformance,
                         ::testing::Values(Backend{
                             .name = "Eager",
                             .make = [] { return std::make_unique<KafkaHarness>(KafkaHarness::Rebalance::kEager); },
                             .not_applicable = "tests/conformance/kafka.not_applicable",
                             .sequences = 8,
                             .model = [] { return std::make_unique<LogModelHarness>(); }}),
                         NameOf);

}  // namespace millrace::conformance
