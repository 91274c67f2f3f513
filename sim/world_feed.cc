// World: the feed, which hands the plan's jobs to the bus and counts a job as accepted when the broker has confirmed it.
// What was refused or has an unknown outcome is handed over again, in order and before anything new of its partition.
#include "sim/world_feed.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "bus/check.h"
#include "bus/driver.h"
#include "sim/feed_order.h"
#include "sim/world.h"

namespace millrace::sim {
namespace {

constexpr int64_t kRetryNs = 100'000'000;
constexpr size_t kBatch = 64;

}  // namespace

World::Feed::Feed(World& world, BrokerSide& side) : world_(world) {
  const Subject& subject = world.subject();
  for (const TopicInfo& topic : subject.topology().topics) {
    first_lane_.push_back(lanes_.size());
    topics_.push_back(topic.name);
    for (uint16_t p = 0; p < topic.partitions; ++p) {
      lanes_.emplace_back();
      lanes_.back().partition = p;
    }
  }
  one_at_a_time_ = !side.capabilities().gapless_publish;
  Owner owner;
  owner.process = kFeed;
  core_ = side.OpenProducer(owner, {.name = "feed", .topics = topics_, .transaction = {}}, *this);
  jobs_.reserve(world.plan().jobs.size());
  for (const Job* job : FeedOrder(world.plan()))
    jobs_.push_back(
        {.job = job, .input = &subject.inputs()[job->input], .message = kNoMessage, .lane = 0, .repeats = 0});
  world.recorder().Expect(jobs_.size());
  for (Entry& entry : jobs_) {
    const InputDigests& facts = subject.digests(entry.job->input);
    entry.message = world.recorder().AddJob(entry.job->id, entry.job->input, *entry.input, facts);
    entry.lane = first_lane_[entry.input->topic] + static_cast<size_t>(facts.partition);
    lanes_[entry.lane].used = true;
  }
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    if (lanes_[lane].used) used_.push_back(lane);
  }
  if (!jobs_.empty()) world.Schedule(std::max<int64_t>(jobs_.front().job->at_ns, 0), What::kFeed);
}

World::Feed::~Feed() = default;

bool World::Feed::Pump() {
  const int64_t now = world_.now_ns();
  bool moved = false;
  while (next_ < jobs_.size() && jobs_[next_].job->at_ns <= now)
    lanes_[jobs_[next_].lane].waiting.push_back(next_), ++next_, ++waiting_;
  if (waiting_ == 0) return false;
  for (const size_t used : used_) {
    Lane& lane = lanes_[used];
    if (lane.blocked && lane.out == 0 && now >= lane.retry_at_ns) {
      // In the order in which they were handed over first.
      std::sort(lane.failed.begin(), lane.failed.end());
      lane.waiting.insert(lane.waiting.begin(), lane.failed.begin(), lane.failed.end());
      lane.failed.clear();
      lane.blocked = false;
    }
    while (!lane.blocked && !lane.waiting.empty() && writable_ && !(one_at_a_time_ && lane.out > 0)) {
      outgoing_.clear();
      size_t count = std::min(lane.waiting.size(), one_at_a_time_ ? size_t{1} : kBatch);
      for (size_t i = 0; i < count; ++i) {
        const Entry& entry = jobs_[lane.waiting[i]];
        outgoing_.push_back(
            {.topic = entry.input->topic, .partition = lane.partition, .message = entry.input->message()});
        outgoing_.back().message.timestamp_ms = FeedTimestamp(now);
        pending_.push_back(entry.message);
      }
      core_->Advance(world_.Now());
      const size_t taken = [&] {
        const World::Publishing publishing(world_, outgoing_, pending_);
        return core_->Publish(outgoing_, next_token_);
      }();
      pending_.clear();
      for (size_t i = 0; i < taken; ++i) {
        Entry& entry = jobs_[lane.waiting[i]];
        struct Record record = world_.RecordOf(Kind::kSubmit);
        record.message = entry.message;
        record.topic = entry.input->topic;
        record.partition = static_cast<uint16_t>(lane.partition);
        record.value = entry.repeats++;
        world_.Record(record);
        out_.push_back(lane.waiting[i]);
      }
      next_token_ += taken;
      lane.out += static_cast<uint32_t>(taken);
      waiting_ -= taken;
      lane.waiting.erase(lane.waiting.begin(), lane.waiting.begin() + static_cast<ptrdiff_t>(taken));
      moved = moved || taken > 0;
      if (taken < count) writable_ = false;
    }
  }
  return moved;
}

void World::Feed::OnConfirmed(const bus::Confirm& confirm) {
  for (uint32_t i = 0; i < confirm.count; ++i) {
    Entry& entry = jobs_[out_[confirm.first - 1 + i]];
    Lane& lane = lanes_[entry.lane];
    --lane.out;
    if (confirm.status.ok()) {
      struct Record record = world_.RecordOf(Kind::kAccepted);
      record.message = entry.message;
      record.topic = entry.input->topic;
      record.partition = static_cast<uint16_t>(lane.partition);
      world_.Record(record);
      ++accepted_;
      world_.Progress();
    } else {
      // It would be refused for ever, and be told as a run that does not come to rest.
      MR_CHECK(!absl::IsInvalidArgument(confirm.status))
          << "input " << entry.input->id
          << " is no message for this bus, which whoever sets inputs has to see to: " << confirm.status.ToString();
      lane.failed.push_back(out_[confirm.first - 1 + i]);
      ++waiting_;
      lane.blocked = true;
      lane.retry_at_ns = world_.now_ns() + kRetryNs;
      world_.Schedule(lane.retry_at_ns, What::kFeed);
    }
  }
  world_.recorder().CountBrokerEvents(confirm.count);
}

void World::Feed::Turn() {
  do {
    core_->Advance(world_.Now());
    if (calm_.Holds(*core_, world_.Now())) continue;
    calm_.Begin(*core_);
    core_->Poll(*this);
    calm_.End(*core_);
  } while (Pump());
  int64_t next = core_->NextTimer().ns;
  if (next_ < jobs_.size()) next = std::min(next, jobs_[next_].job->at_ns);
  if (next == INT64_MAX || done()) return;
  next = std::max(next, world_.now_ns() + 1);
  if (turn_at_ns_ > world_.now_ns() && turn_at_ns_ <= next) return;
  turn_at_ns_ = next;
  world_.Schedule(next, What::kFeed);
}

void World::WakeFeed() {
  if (feed_ != nullptr) feed_->Turn();
}

}  // namespace millrace::sim
