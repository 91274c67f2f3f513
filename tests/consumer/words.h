// A source and two stages of a user's own: words are shouted, then counted by whoever reads the topic; words of no
// letters cannot be shouted.
#ifndef WORDS_H_
#define WORDS_H_

#include "absl/status/status.h"
#include "stages/registry.h"

namespace words {

// Registers the source "words" (option `count`: how many) and the stages "shout" and "end".
absl::Status RegisterStages(millrace::stages::Registry& registry);

}  // namespace words

#endif  // WORDS_H_
