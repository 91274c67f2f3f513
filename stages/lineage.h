// Which part of an accepted job a message is, so that the ledger can tell when all of a job has ended although stages
// fan out.
//
// A share is a path: "" is the whole job; a stage that emits n > 1 messages gives the i-th (from 1) the share "<share
// of its input>.<i>/<n>". A job has ended when its terminal shares cover the whole: a node is covered when it is
// terminal itself or when all of its n children are. (Weight throwing for termination detection, Mattern 1989, with
// paths instead of fractions: exact, and the same after a replay.)
//
// Threading: values.
#ifndef MILLRACE_STAGES_LINEAGE_H_
#define MILLRACE_STAGES_LINEAGE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::stages {

// The share of the index-th of `count` outputs (index from 0) of a message with share `parent`.
std::string ChildShare(std::string_view parent, size_t index, size_t count);

// Whether the shares cover the whole job. Shares that are malformed, or that disagree about n at one node, cover
// nothing.
bool CoversWhole(std::vector<std::string_view> shares);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_LINEAGE_H_
