// The small parts of the worker, and the replay of recorded runs.
#include <gtest/gtest.h>

#include <map>

#include "bus/random.h"
#include "stages/breaker.h"
#include "stages/histogram.h"
#include "stages/key_chains.h"
#include "stages/partition_note.h"
#include "stages/recording.h"
#include "stages/ring.h"
#include "stages/testing/worker_world.h"
#include "stages/wall_text.h"

namespace millrace::stages {
namespace {

TEST(Ring, IsAQueueAcrossGrowthAndWrapping) {
  Ring<int> ring;
  int in = 0, out = 0;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < round; ++i) ring.push(in++);
    for (int i = 0; i < round / 2; ++i) ASSERT_EQ(ring.pop(), out++);
    if (!ring.empty()) {
      ASSERT_EQ(ring[ring.size() - 1], in - 1);
    }
  }
  while (!ring.empty()) ASSERT_EQ(ring.pop(), out++);
  EXPECT_EQ(in, out);
}

TEST(Ring, PlacesThatAreSkippedAreUsedAgain) {
  Ring<int> ring;
  for (int i = 0; i < 1000; ++i) {
    ring.place() = i;
    if (i % 3 != 0) continue;
    ASSERT_EQ(ring.front(), i / 3);
    ring.skip();
  }
  EXPECT_EQ(ring.size(), 666u);
  EXPECT_EQ(ring.front(), 334);
  EXPECT_EQ(ring.back(), 999);
}

TEST(KeyChains, MatchesAMapUnderRandomUse) {
  const Random random(3);
  KeyChains chains;
  std::map<uint64_t, uint64_t> model;
  for (uint64_t i = 0; i < 200000; ++i) {
    // Few distinct low bits, so that probes are long and wrap.
    const uint64_t key = random.Below(1, {i}, 64) * 64;
    if (random.Below(2, {i}, 2) == 0) {
      KeyChains::Chain& chain = chains.At(key);
      if (chain.head == KeyChains::kNone) {
        ASSERT_FALSE(model.contains(key));
        chain.head = chain.tail = i;
        model[key] = i;
      } else {
        ASSERT_EQ(chain.head, model.at(key));
      }
    } else if (model.erase(key) > 0) {
      chains.Erase(key);
    }
  }
  for (const auto& [key, head] : model) EXPECT_EQ(chains.At(key).head, head);
}

TEST(Histogram, QuantilesAreWithinASixteenth) {
  Histogram histogram;
  for (int64_t i = 1; i <= 100000; ++i) histogram.Add(i * 1000);
  for (const int64_t q : {1, 500, 990, 999}) {
    const double expected = 100000.0 * 1000 * static_cast<double>(q) / 1000;
    EXPECT_NEAR(static_cast<double>(histogram.QuantilePermille(static_cast<uint64_t>(q))), expected, expected / 15);
  }
  EXPECT_EQ(Histogram().QuantilePermille(500), 0);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.QuantilePermille(1000), INT64_MAX);
}

TEST(PartitionNote, ReadsWhatItWroteAndNothingElse) {
  PartitionNote note{.starts = 2,
                     .starts_at = 100,
                     .running = 1,
                     .running_at = 101,
                     .suspects = 164,
                     .done = {{103, 107}, {112, 112}},
                     .parked = {3, 0xffffffffffffffff}};
  const PartitionNote read = PartitionNote::Read(note.Write());
  EXPECT_EQ(read.starts, 2u);
  EXPECT_EQ(read.starts_at, 100u);
  EXPECT_EQ(read.running, 1u);
  EXPECT_EQ(read.running_at, 101u);
  EXPECT_EQ(read.suspects, 164u);
  EXPECT_EQ(read.parked, note.parked);
  EXPECT_EQ(read.done, note.done);
  for (const char* text :
       {"", "mr", "mr1 starts=", "mr1 starts=1@", "mr1 bogus=2", "mr2 starts=1@2", "mr1 parked=xyz", "{\"json\":1}"}) {
    EXPECT_EQ(PartitionNote::Read(text).starts, 0u) << text;
    EXPECT_TRUE(PartitionNote::Read(text).parked.empty()) << text;
  }
  PartitionNote full;
  for (uint64_t i = 0; i < PartitionNote::kParkedMax; ++i) full.parked.push_back(UINT64_MAX - i);
  full.starts = full.running = UINT32_MAX;
  full.starts_at = full.running_at = full.suspects = UINT64_MAX;
  for (uint64_t i = 0; i < 500; ++i) full.done.push_back({UINT64_MAX - 4 * i - 1, UINT64_MAX - 4 * i});
  full.hung.assign(PartitionNote::kHungMax, {.times = UINT32_MAX, .at = UINT64_MAX});
  full.alone = {.first = UINT64_MAX, .last = UINT64_MAX};
  EXPECT_EQ(PartitionNote::Read(full.Write()).parked.size(), PartitionNote::kParkedMax);
  EXPECT_LE(full.Write().size(), 4096u) << "Kafka's default limit of commit metadata";
}

TEST(PartitionNote, CountsWhatDidNotReturnUntilItHasPassed) {
  PartitionNote note;
  for (uint64_t sequence = 20; sequence < 20 + PartitionNote::kHungMax; ++sequence) note.AddHung(sequence);
  note.AddHung(21);
  note.AddHung(40);
  EXPECT_EQ(note.HungTimes(40), 0u) << "there is room for no more";
  note.AddHung(10);
  EXPECT_EQ(note.HungTimes(10), 1u) << "but for the earliest there always is";
  note.AddAlone(33);
  note.AddAlone(30);
  note = PartitionNote::Read(note.Write());
  EXPECT_EQ(note.HungTimes(10), 1u);
  EXPECT_EQ(note.HungTimes(21), 2u);
  EXPECT_TRUE(note.IsAlone(30) && note.IsAlone(33) && !note.IsAlone(29) && !note.IsAlone(34));
  note.Forget(22);
  EXPECT_EQ(note.HungTimes(10) + note.HungTimes(21), 0u);
  EXPECT_EQ(note.HungTimes(22), 1u);
  note.Forget(34);
  EXPECT_EQ(note.Write(), "mr1");
}

TEST(Breaker, DoublesUpToItsLimitAndClosesOnAnAnswer) {
  Breaker breaker(std::chrono::milliseconds(10), std::chrono::milliseconds(35));
  MonotonicTime now{0};
  for (const int64_t expected : {10, 20, 35, 35}) {
    ASSERT_TRUE(breaker.Unavailable(now));
    EXPECT_FALSE(breaker.Unavailable(now)) << "late answers of the same outage do not lengthen it";
    EXPECT_EQ((breaker.retry_at() - now).count(), expected * 1'000'000);
    now = breaker.retry_at();
    ASSERT_TRUE(breaker.MayProbe(now));
    breaker.Probe();
    EXPECT_FALSE(breaker.MayProbe(now)) << "one probe at a time";
  }
  breaker.Answered();
  EXPECT_TRUE(breaker.closed());
}

TEST(WallText, IsRfc3339) {
  EXPECT_EQ(WallText({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(WallText({1'700'000'000'123'456'789}), "2023-11-14T22:13:20.123Z");
}

TEST(Recording, AReplayOfARunWithFailuresGivesTheSameActions) {
  WorkerOptions options = WorkerWorld::DefaultOptions();
  options.attempt_timeout = std::chrono::milliseconds(100);
  options.batch = 3;
  WorkerWorld world(options, [](Context& context, const bus::Message& m, Outputs& out) -> absl::Status {
    if (m.body->ends_with("3") && context.attempt() < 2) return absl::InternalError("once");
    if (m.body->ends_with("7")) return absl::InvalidArgumentError("never");
    return out.Emit({.to = {}, .body = m.body});
  });
  Recording recording;
  world.tap = &recording;
  for (int i = 0; i < 60; ++i) world.Append(i % 3, "k" + std::to_string(i % 7), "m" + std::to_string(i));
  for (int p = 0; p < 3; ++p) world.Assign(p);
  world.Settle(20);
  if (!world.in_flight.empty()) world.Confirm(0, absl::UnavailableError("x"));
  world.Lose(1);
  world.Assign(1);
  ASSERT_TRUE(world.Settle());
  EXPECT_GT(recording.steps(), 30u);
  const absl::Status same = recording.Replay(options);
  EXPECT_TRUE(same.ok()) << same;
  options.batch = 2;
  EXPECT_FALSE(recording.Replay(options).ok()) << "another worker does otherwise, and the replay sees it";
}

}  // namespace
}  // namespace millrace::stages
