#include "sim/story/queuer.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {

void Queuer::Dispatch(stages::AttemptGroup* group) {
  auto kept = std::make_unique<stages::AttemptGroup>();
  kept->id = group->id;
  kept->items = group->items;
  kept->results = std::make_unique<stages::AttemptResult[]>(group->items.size());
  kept->input_segments = group->input_segments;
  memory_.push_back(std::move(kept));
  CallNext();
  // The results of the worker's own group are as new: all is well, and nothing came of it.
  reporter_->Report(group, 0, static_cast<uint32_t>(group->items.size()));
}

void Queuer::CallNext() {
  finished_.clear();
  while (!memory_.empty() && calls_.size() < calls_max_) {
    calls_.push_back(std::move(memory_.front()));
    memory_.pop_front();
    inner_->Dispatch(calls_.back().get());
  }
}

void Queuer::Report(stages::AttemptGroup* group, uint32_t, uint32_t to) {
  if (to < group->items.size()) return;
  const auto call = std::find_if(calls_.begin(), calls_.end(), [group](const auto& c) { return c.get() == group; });
  std::unique_ptr<stages::AttemptGroup> ended = std::move(*call);
  calls_.erase(call);
  CallNext();
  finished_.push_back(std::move(ended));
}

absl::Status Queuer::Stop(MonotonicTime deadline) {
  memory_.clear();
  return inner_->Stop(deadline);
}

}  // namespace millrace::sim
