// All checkers, the gravest first: a failing run is reported under the first of them.
#include "sim/checkers/checkers.h"

namespace millrace::sim {
namespace {

constexpr const Checker* kAll[] = {
    &kNoLoss,    &kSettledCorrectly,    &kSettleBeforeConfirm, &kExactlyOnce,       &kAnnouncedLoss,
    &kKeyOrder,  &kDuplicateEffect,     &kZombieEffect,        &kCommitAfterRevoke, &kCommitRegression,
    &kPhantom,   &kDeadLetters,         &kOneIdOneContent,     &kFinalState,        &kUnjustifiedDeadLetter,
    &kDrainKept, &kDuplicatesExplained, &kLogConsistency,      &kBounded,           &kStarvation,
    &kLiveness,
};

}  // namespace

std::span<const Checker* const> AllCheckers() { return kAll; }

}  // namespace millrace::sim
