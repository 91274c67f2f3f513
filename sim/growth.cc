#include "sim/growth.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace millrace::sim {
namespace {

// The sum of the `count` largest.
uint64_t SumOfLargest(std::vector<uint64_t> values, uint64_t count) {
  const size_t taken = static_cast<size_t>(std::min<uint64_t>(count, values.size()));
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(taken), values.end(), std::greater<>());
  uint64_t sum = 0;
  for (size_t i = 0; i < taken; ++i) sum += values[i];
  return sum;
}

}  // namespace

Amount MostOf(std::vector<Amount> known, uint64_t jobs, uint64_t inputs) {
  Amount most;
  if (known.empty()) return most;
  for (uint64_t Amount::*const part : {&Amount::messages, &Amount::bytes}) {
    std::vector<uint64_t> values;
    uint64_t sum = 0;
    for (const Amount& amount : known) {
      values.push_back(amount.*part);
      sum += amount.*part;
    }
    const uint64_t others = inputs > known.size() ? inputs - known.size() : 0;
    values.resize(values.size() + static_cast<size_t>(std::min(others, jobs)), (sum + known.size() - 1) / known.size());
    most.*part = SumOfLargest(std::move(values), jobs);
  }
  return most;
}

void Growth::Raise(Topic& topic, uint32_t input, const Amount& amount) const {
  if (topic.of.size() <= input) topic.of.resize(input + 1);
  topic.of[input].messages = std::max(topic.of[input].messages, amount.messages);
  topic.of[input].bytes = std::max(topic.of[input].bytes, amount.bytes);
}

void Growth::See(const History& history) {
  const size_t topics = history.topology.topics.size();
  if (topics_.size() < topics) topics_.resize(topics);
  of_jobs_.assign(history.jobs.size() * topics, {});
  for (const MessageInfo& info : history.messages) {
    if (info.job == kNoJob || info.topic >= topics) continue;
    Amount& amount = of_jobs_[info.job * topics + info.topic];
    ++amount.messages;
    amount.bytes += info.bytes;
    Largest& largest = topics_[info.topic].largest;
    if (info.bytes > largest.bytes) largest = {.bytes = info.bytes, .input = history.jobs[info.job].input};
  }
  for (size_t job = 0; job < history.jobs.size(); ++job) {
    const uint32_t input = history.jobs[job].input;
    if (input >= kInputsMost) continue;
    if (seen_.size() <= input) seen_.resize(input + 1);
    seen_[input] = true;
    for (size_t topic = 0; topic < topics; ++topic) Raise(topics_[topic], input, of_jobs_[job * topics + topic]);
  }
}

void Growth::Merge(const Growth& other) {
  if (topics_.size() < other.topics_.size()) topics_.resize(other.topics_.size());
  if (seen_.size() < other.seen_.size()) seen_.resize(other.seen_.size());
  for (size_t input = 0; input < other.seen_.size(); ++input) seen_[input] = seen_[input] || other.seen_[input];
  for (size_t topic = 0; topic < other.topics_.size(); ++topic) {
    const Topic& theirs = other.topics_[topic];
    Topic& mine = topics_[topic];
    for (size_t input = 0; input < theirs.of.size(); ++input)
      Raise(mine, static_cast<uint32_t>(input), theirs.of[input]);
    if (theirs.largest.bytes > mine.largest.bytes) mine.largest = theirs.largest;
  }
}

Amount Growth::Most(uint16_t topic, uint64_t jobs, uint64_t inputs) const {
  std::vector<Amount> known;
  if (topic >= topics_.size()) return {};
  for (size_t input = 0; input < seen_.size(); ++input) {
    if (!seen_[input]) continue;
    known.push_back(input < topics_[topic].of.size() ? topics_[topic].of[input] : Amount());
  }
  return MostOf(std::move(known), jobs, inputs);
}

Growth::Largest Growth::LargestOn(uint16_t topic) const {
  return topic < topics_.size() ? topics_[topic].largest : Largest();
}

}  // namespace millrace::sim
