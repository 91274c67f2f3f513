#include "bus/rabbitmq/mismatch.h"

#include <gtest/gtest.h>

namespace millrace::bus {
namespace {

void Expect(std::string_view text, std::string_view name, std::string_view have, std::string_view want) {
  const TopologyItem::Field field = ParseMismatch(text);
  EXPECT_EQ(field.name, name) << text;
  EXPECT_EQ(field.have, have) << text;
  EXPECT_EQ(field.want, want) << text;
}

TEST(MismatchTest, WhatServersSay) {
  Expect(
      "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current "
      "is 'classic'",
      "x-queue-type", "classic", "quorum");
  Expect(
      "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is "
      "the value '10' of "
      "type 'signedint'",
      "x-max-length", "10", "none");
  Expect(
      "PRECONDITION_FAILED - inequivalent arg 'x-single-active-consumer' for queue 'raw:a:0' in vhost '/': received "
      "the value 'true' of "
      "type 'bool' but current is none",
      "x-single-active-consumer", "none", "true");
  Expect(
      "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is "
      "'false'",
      "durable", "false", "true");
}

TEST(MismatchTest, AnythingElseIsShownWhole) {
  Expect("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q'", "declaration",
         "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q'", "as the pipeline says");
}

}  // namespace
}  // namespace millrace::bus
