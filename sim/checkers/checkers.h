// All checkers, each in a file of its own name. Their order is that of sim/checkers/registry.cc.
#ifndef MILLRACE_SIM_CHECKERS_CHECKERS_H_
#define MILLRACE_SIM_CHECKERS_CHECKERS_H_

#include "sim/checker.h"

namespace millrace::sim {

extern const Checker kNoLoss;
extern const Checker kSettledCorrectly;
extern const Checker kSettleBeforeConfirm;
extern const Checker kExactlyOnce;
extern const Checker kAnnouncedLoss;
extern const Checker kKeyOrder;
extern const Checker kDuplicateEffect;
extern const Checker kZombieEffect;
extern const Checker kCommitAfterRevoke;
extern const Checker kCommitRegression;
extern const Checker kPhantom;
extern const Checker kDeadLetters;
extern const Checker kOneIdOneContent;
extern const Checker kFinalState;
extern const Checker kUnjustifiedDeadLetter;
extern const Checker kDrainKept;
extern const Checker kDuplicatesExplained;
extern const Checker kLogConsistency;
extern const Checker kBounded;
extern const Checker kStarvation;
extern const Checker kLiveness;

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_CHECKERS_H_
