// Backends with a bug planted on purpose, between the contract and a driver that keeps it: the suite must find each.
#ifndef MILLRACE_TESTS_CONFORMANCE_PLANTED_H_
#define MILLRACE_TESTS_CONFORMANCE_PLANTED_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tests/conformance/harness.h"

namespace millrace::conformance {

enum class Bug : uint8_t {
  kNone,
  kLoseDelivery,    // a delivery now and then is not told
  kSwapDeliveries,  // two messages of a batch change places
  kRepeatDelivery,  // a message is told in place of its successor
  kSettleAhead,     // one message more is settled than was asked for
  kForgetSettle,    // a settlement now and then is dropped
  kConfirmEarly,    // a publish now and then is confirmed and not made
  kLoseConfirm,     // a confirm now and then is not told
};

// A harness like `inner`, but for the bug.
std::unique_ptr<Harness> Plant(Bug bug, std::unique_ptr<Harness> inner);

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_PLANTED_H_
