// All checkers, the gravest first: a failing run is reported under the first of them.
#include "sim/checkers/checkers.h"

namespace millrace::sim {
namespace {

constexpr const Checker* kAll[] = {
    &kNoLoss, &kSettledCorrectly, &kSettleBeforeConfirm, &kKeyOrder, &kFinalState, &kLiveness,
};

}  // namespace

std::span<const Checker* const> AllCheckers() { return kAll; }

}  // namespace millrace::sim
