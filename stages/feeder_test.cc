#include "stages/feeder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bus/envelope.h"
#include "bus/random.h"
#include "stages/durable_file.h"

namespace millrace::stages {
namespace {

struct Killed {};

// Counts down to a kill: each place where a process may die calls Tick.
struct Killer {
  int64_t left = INT64_MAX;
  void Tick() {
    if (left-- == 0) throw Killed();
  }
};

class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {now_ns}; }
  WallTime Wall() const override { return {1'700'000'000'000'000'000 + now_ns}; }
  int64_t now_ns = 0;
};

// `count` records "r<i>" with keys k0 … k6; every fifth has none.
class FakeSource final : public Source {
 public:
  explicit FakeSource(uint64_t count, Killer* killer) : count_(count), killer_(killer) {}
  absl::Status Seek(std::string_view position) override {
    next_ = position.empty() ? 0 : std::stoull(std::string(position));
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Read(size_t records_max, SourceSink& sink) override {
    killer_->Tick();
    if (!failures.empty()) {
      absl::Status failure = failures.front();
      failures.pop_front();
      if (!failure.ok()) return failure;
    }
    for (size_t i = 0; i < records_max && next_ < count_; ++i, ++next_) {
      const std::string id = "r" + std::to_string(next_), key = "k" + std::to_string(next_ % 7),
                        position = std::to_string(next_ + 1);
      const std::string body(body_bytes, static_cast<char>('a' + next_ % 26));
      SourceRecord record{.id = id, .body = body, .type = "test.raw", .subject = "s", .position = position};
      if (next_ % 5 != 0) record.key = key;
      sink.Add(record);
      largest_ask = std::max(largest_ask, records_max);
    }
    return next_ < count_;
  }
  std::deque<absl::Status> failures;
  size_t body_bytes = 10;
  size_t largest_ask = 0;

 private:
  const uint64_t count_;
  Killer* const killer_;
  uint64_t next_ = 0;
};

struct Stored {
  std::string id, key, root, source, type;
  int32_t partition;
};

// What outlives the process.
struct FakeBroker {
  std::vector<Stored> log;
  std::set<std::string> confirmed;
};

struct Script {
  // What happens to the n-th message ever handed over; OK where it says nothing.
  std::function<absl::Status(uint64_t n)> outcome = [](uint64_t) { return absl::OkStatus(); };
  // How many messages one Publish takes.
  size_t take_max = SIZE_MAX;
  // Answers per Poll, from the front or the back.
  size_t answers_max = SIZE_MAX;
  bool backwards = false;
  bool silent = false;  // answers nothing
};

class FakeDriver final : public bus::ProducerDriver {
 public:
  FakeDriver(FakeBroker* broker, Script* script, Killer* killer) : broker_(broker), script_(script), killer_(killer) {}
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    killer_->Tick();
    const size_t count = std::min(messages.size(), script_->take_max);
    for (size_t i = 0; i < count; ++i) {
      const bus::Envelope envelope = bus::ReadEnvelope(messages[i].message.headers);
      const absl::Status outcome = script_->outcome(handed_over_++);
      const std::string id(envelope.id);
      // An unknown outcome may well have happened.
      if (outcome.ok() || outcome.code() == absl::StatusCode::kDeadlineExceeded) {
        broker_->log.push_back({.id = id,
                                .key = std::string(messages[i].message.key.value_or("")),
                                .root = std::string(envelope.root),
                                .source = std::string(envelope.source),
                                .type = std::string(envelope.type),
                                .partition = messages[i].partition});
      }
      open_.push_back({first_token + i, id, outcome});
    }
    refused_ = count < messages.size();
    return count;
  }
  void Poll(bus::ProducerHandler& handler) override {
    killer_->Tick();
    if (refused_) handler.OnWritable();
    refused_ = false;
    if (script_->silent) return;
    for (size_t i = 0; i < script_->answers_max && !open_.empty(); ++i) AnswerOne(handler);
    killer_->Tick();
  }
  MonotonicTime NextTimer() const override { return MonotonicTime::Infinite(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime) override {
    if (!script_->silent) {
      while (!open_.empty()) AnswerOne(handler);
      return absl::OkStatus();
    }
    const absl::Status unknown = absl::DeadlineExceededError("closed");
    for (const Open& open : open_) handler.OnConfirmed({open.token, 1, unknown});
    open_.clear();
    return unknown;
  }

 private:
  struct Open {
    uint64_t token;
    std::string id;
    absl::Status outcome;
  };
  void AnswerOne(bus::ProducerHandler& handler) {
    const Open open = script_->backwards ? open_.back() : open_.front();
    script_->backwards ? open_.pop_back() : open_.pop_front();
    if (open.outcome.ok()) broker_->confirmed.insert(open.id);
    handler.OnConfirmed({open.token, 1, open.outcome});
  }

  FakeBroker* const broker_;
  Script* const script_;
  Killer* const killer_;
  std::deque<Open> open_;
  uint64_t handed_over_ = 0;
  bool refused_ = false;
};

class FeederTest : public testing::Test {
 protected:
  FeederTest() {
    folder_ = std::string(getenv("TEST_TMPDIR")) + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
    NewFolder();
  }
  void NewFolder() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  FeederOptions Options() const {
    return {.source = "/test/feed",
            .partitions = 3,
            .window_messages = 16,
            .checkpoint_records = 12,
            .checkpoint_interval = std::chrono::seconds(1)};
  }
  // One process: from start to end, kill or error. False: killed.
  bool RunOnce(FeederOptions options, FakeSource* source, absl::Status* result,
               Feeder::From from = Feeder::From::kCheckpoint, int stop_after = INT_MAX) {
    auto journal = Journal::Open(folder_ + "/journal");
    EXPECT_TRUE(journal.ok()) << journal.status();
    try {
      Feeder feeder(std::move(options), source, std::make_unique<FakeDriver>(&broker_, &script_, &killer_),
                    journal->get(), folder_ + "/checkpoint", &clock_);
      *result = feeder.Start(from);
      if (!result->ok()) return true;
      for (int step = 0; !feeder.Finished(); ++step) {
        if (step == stop_after) feeder.Stop();
        if (!feeder.Pump(clock_.Now())) {
          if (feeder.NextTimer() == MonotonicTime::Infinite() && script_.silent) break;
          clock_.now_ns =
              std::max(clock_.now_ns + 1'000'000, std::min(feeder.NextTimer().ns, clock_.now_ns + 1'000'000'000));
        }
        EXPECT_LT(step, 100'000) << "no end";
        if (step >= 100'000) break;
      }
      *result = feeder.Close(clock_.Now() + std::chrono::seconds(1));
      stats_ = feeder.stats();
    } catch (const Killed&) {
      return false;
    }
    return true;
  }
  std::set<std::string> Journaled() const {
    std::set<std::string> ids;
    EXPECT_TRUE(ReadJournal(folder_ + "/journal", [&](std::string_view id) { ids.emplace(id); }).ok());
    return ids;
  }
  void ExpectAccount(uint64_t count) {
    const std::set<std::string> journaled = Journaled();
    for (const std::string& id : journaled)
      EXPECT_TRUE(broker_.confirmed.contains(id)) << id << " is journaled but was not confirmed";
    const auto checkpoint = LoadCheckpoint(folder_ + "/checkpoint");
    ASSERT_TRUE(checkpoint.ok());
    const uint64_t records = checkpoint->has_value() ? (*checkpoint)->records : 0;
    EXPECT_LE(records, count);
    for (uint64_t i = 0; i < records; ++i)
      EXPECT_TRUE(journaled.contains("r" + std::to_string(i))) << i << " is before the checkpoint but not journaled";
  }
  // Order of first copies per key.
  void ExpectOrder() {
    std::map<std::string, int64_t> last;
    std::set<std::string> seen;
    for (const Stored& stored : broker_.log) {
      if (stored.key.empty() || !seen.insert(stored.id).second) continue;
      const int64_t number = std::stoll(stored.id.substr(1));
      auto [it, first] = last.emplace(stored.key, number);
      if (!first) {
        EXPECT_LT(it->second, number) << "key " << stored.key;
        it->second = number;
      }
    }
  }

  std::string folder_;
  FakeBroker broker_;
  Script script_;
  Killer killer_;
  FakeClock clock_;
  FeederStats stats_;
};

TEST_F(FeederTest, PublishesAllAndAccountsForIt) {
  FakeSource source(1000, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(broker_.log.size(), 1000u);
  EXPECT_EQ(Journaled().size(), 1000u);
  EXPECT_EQ(stats_.read, 1000u);
  EXPECT_EQ(stats_.accepted, 1000u);
  EXPECT_EQ(stats_.published, 1000u);
  EXPECT_EQ(stats_.checkpoint_records, 1000u);
  const auto checkpoint = LoadCheckpoint(folder_ + "/checkpoint");
  EXPECT_EQ((*checkpoint)->position, "1000");
  EXPECT_TRUE((*checkpoint)->finished);
  EXPECT_LE(source.largest_ask, 16u) << "the window";
  ExpectOrder();
  for (const Stored& stored : broker_.log) {
    EXPECT_EQ(stored.root, stored.id);
    EXPECT_EQ(stored.source, "/test/feed");
    EXPECT_EQ(stored.type, "test.raw");
    if (!stored.key.empty()) {
      EXPECT_EQ(stored.partition, bus::PartitionOfKey(stored.key, 3));
    }
  }
  // Again: nothing is left to do.
  FakeSource again(1000, &killer_);
  ASSERT_TRUE(RunOnce(Options(), &again, &result));
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(broker_.log.size(), 1000u);
}

TEST_F(FeederTest, AnEmptySourceFinishes) {
  FakeSource source(0, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_TRUE((*LoadCheckpoint(folder_ + "/checkpoint"))->finished);
}

// The heart: dies at the k-th call of driver or source, for every k, and goes on from what is on the disk.
TEST_F(FeederTest, AKillAnywhereLosesNothing) {
  constexpr uint64_t kRecords = 30;
  for (int variant = 0; variant < 4; ++variant) {
    script_ = {};
    script_.take_max = variant == 1 ? 3 : SIZE_MAX;
    script_.answers_max = variant >= 2 ? 2 : SIZE_MAX;
    script_.backwards = variant == 3;
    bool killed = true;
    int kills = 0;
    for (int64_t k = 0; killed; ++k) {
      NewFolder();
      broker_ = {};
      FakeSource source(kRecords, &killer_);
      absl::Status result;
      killer_.left = k;
      killed = !RunOnce(Options(), &source, &result);
      kills += killed;
      ExpectAccount(kRecords);
      // The second life is killed too, half as late; the third is not.
      if (killed) {
        FakeSource second(kRecords, &killer_);
        killer_.left = k / 2 + 1;
        RunOnce(Options(), &second, &result);
        ExpectAccount(kRecords);
      }
      killer_.left = INT64_MAX;
      FakeSource third(kRecords, &killer_);
      ASSERT_TRUE(RunOnce(Options(), &third, &result));
      ASSERT_TRUE(result.ok()) << result;
      ExpectAccount(kRecords);
      EXPECT_EQ(broker_.confirmed.size(), kRecords) << "killed at " << k;
      EXPECT_EQ(Journaled(), broker_.confirmed) << "killed at " << k;
      ExpectOrder();
      if (HasFailure()) return;
    }
    EXPECT_GT(kills, 10);
  }
}

TEST_F(FeederTest, FailuresAreRepublishedInOrderUnderTheSameIds) {
  const Random random(7);
  for (uint64_t seed = 0; seed < 12; ++seed) {
    NewFolder();
    broker_ = {};
    script_ = {};
    script_.answers_max = 1 + seed % 5;
    script_.backwards = seed % 3 == 0;
    script_.take_max = seed % 4 == 0 ? 2 : SIZE_MAX;
    script_.outcome = [&](uint64_t n) -> absl::Status {
      switch (random.Below(1, {seed, n}, 10)) {
        case 0:
          return absl::UnavailableError("broker away");
        case 1:
          return absl::DeadlineExceededError("who knows");
        case 2:
          return absl::ResourceExhaustedError("slower");
        default:
          return absl::OkStatus();
      }
    };
    FakeSource source(200, &killer_);
    absl::Status result;
    ASSERT_TRUE(RunOnce(Options(), &source, &result));
    ASSERT_TRUE(result.ok()) << result;
    EXPECT_EQ(broker_.confirmed.size(), 200u);
    EXPECT_EQ(Journaled(), broker_.confirmed);
    EXPECT_GT(stats_.republished, 0u);
    EXPECT_EQ(stats_.published, 200 + stats_.republished);
    ExpectOrder();
    if (HasFailure()) return;
  }
}

// A gapless backend fails everything behind a failure, so that many of one key may be out at once.
TEST_F(FeederTest, GaplessKeepsTheWindowFullAndTheOrder) {
  FeederOptions options = Options();
  options.gapless_publish = true;
  options.partitions = 1;
  uint64_t fail_from = 20, fail_to = 26;
  script_.outcome = [&](uint64_t n) -> absl::Status {
    return n >= fail_from && n < fail_to ? absl::UnavailableError("down") : absl::OkStatus();
  };
  script_.answers_max = 4;
  // The window is 16 and the failure hits its end, so that all behind the first failed one fail too.
  fail_to = 32;
  FakeSource source(100, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(options, &source, &result));
  ASSERT_TRUE(result.ok()) << result;
  EXPECT_EQ(broker_.confirmed.size(), 100u);
  ExpectOrder();
}

TEST_F(FeederTest, AnOutageIsWaitedOut) {
  FakeSource source(20, &killer_);
  source.failures = {absl::UnavailableError("share not mounted"), absl::UnavailableError("share not mounted"),
                     absl::OkStatus()};
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(broker_.confirmed.size(), 20u);
}

TEST_F(FeederTest, ASourceThatBreaksEndsTheFeedBehindWhatWasRead) {
  FakeSource source(100, &killer_);
  source.failures = {absl::OkStatus(), absl::OkStatus(),
                     absl::InvalidArgumentError("feed.csv: shrank while it was read")};
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_EQ(result.message(), "feed.csv: shrank while it was read");
  EXPECT_EQ(broker_.confirmed.size(), stats_.read);
  EXPECT_GE(stats_.read, 16u);
  EXPECT_LT(stats_.read, 100u);
  EXPECT_EQ((*LoadCheckpoint(folder_ + "/checkpoint"))->records, stats_.read);
  EXPECT_FALSE((*LoadCheckpoint(folder_ + "/checkpoint"))->finished);
}

TEST_F(FeederTest, ARecordThatTheBusRefusesEndsTheFeed) {
  script_.outcome = [](uint64_t n) -> absl::Status {
    return n == 30 ? absl::InvalidArgumentError("over the limit") : absl::OkStatus();
  };
  FakeSource source(100, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_EQ(result.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(result.message()).find("refuses record r"), std::string::npos) << result;
  ExpectAccount(100);
}

TEST_F(FeederTest, StopWaitsForConfirmsAndTheNextStartGoesOn) {
  script_.answers_max = 3;
  FakeSource source(500, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result, Feeder::From::kCheckpoint, /*stop_after=*/20));
  EXPECT_TRUE(result.ok()) << result;
  const size_t first = broker_.log.size();
  EXPECT_GT(first, 20u);
  EXPECT_LT(first, 500u);
  EXPECT_EQ(stats_.in_window, 0u);
  EXPECT_EQ((*LoadCheckpoint(folder_ + "/checkpoint"))->records, first);
  FakeSource rest(500, &killer_);
  ASSERT_TRUE(RunOnce(Options(), &rest, &result));
  EXPECT_EQ(broker_.log.size(), 500u) << "nothing twice";
}

TEST_F(FeederTest, UnconfirmedAtCloseIsSaidAndPublishedAgain) {
  script_.silent = true;
  FakeSource source(10, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_EQ(result.code(), absl::StatusCode::kDeadlineExceeded) << result;
  EXPECT_TRUE(Journaled().empty());
  script_.silent = false;
  FakeSource again(10, &killer_);
  ASSERT_TRUE(RunOnce(Options(), &again, &result));
  EXPECT_EQ(Journaled().size(), 10u);
}

TEST_F(FeederTest, RewindSkipsWhatHasEnded) {
  FakeSource source(100, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  // The bus died with its content; the store knows the even ones.
  broker_.log.clear();
  FeederOptions options = Options();
  options.settled = [](std::string_view id) { return (id.back() - '0') % 2 == 0; };
  FakeSource again(100, &killer_);
  ASSERT_TRUE(RunOnce(options, &again, &result, Feeder::From::kBeginning));
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(broker_.log.size(), 50u);
  EXPECT_EQ(stats_.skipped, 50u);
  EXPECT_EQ(Journaled().size(), 100u);
  EXPECT_EQ((*LoadCheckpoint(folder_ + "/checkpoint"))->records, 100u);
}

TEST_F(FeederTest, WindowCountsBytes) {
  FeederOptions options = Options();
  options.window_messages = 1000;
  options.window_bytes = 50'000;
  script_.silent = true;
  FakeSource source(1000, &killer_);
  source.body_bytes = 10'000;
  absl::Status result;
  ASSERT_TRUE(RunOnce(options, &source, &result));
  // The first read can't know how large records are; then room is counted in the largest seen.
  EXPECT_LE(stats_.read, 256u);
}

TEST_F(FeederTest, AJournalShorterThanTheCheckpointIsDataLoss) {
  FakeSource source(100, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  std::filesystem::resize_file(folder_ + "/journal", 100);
  FakeSource again(100, &killer_);
  ASSERT_TRUE(RunOnce(Options(), &again, &result));
  EXPECT_EQ(result.code(), absl::StatusCode::kDataLoss) << result;
}

// A limit on the size of files stands in for a disk that fills up half-way.
TEST_F(FeederTest, AFullDiskStopsTheFeedAndNothingIsAcceptedFalsely) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 300, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  FakeSource source(1000, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(result.code(), absl::StatusCode::kResourceExhausted) << result;
  EXPECT_NE(std::string(result.message()).find("journal"), std::string::npos) << result;
  EXPECT_LT(broker_.log.size(), 1000u) << "the feed stopped";
  ExpectAccount(1000);
  // Room again: the next start goes on.
  FakeSource again(1000, &killer_);
  ASSERT_TRUE(RunOnce(Options(), &again, &result));
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(Journaled().size(), 1000u);
}

TEST_F(FeederTest, ACheckpointThatCannotBeWrittenEndsTheFeed) {
  std::filesystem::create_directories(folder_ + "/checkpoint.new");  // in the way
  FakeSource source(100, &killer_);
  absl::Status result;
  ASSERT_TRUE(RunOnce(Options(), &source, &result));
  EXPECT_FALSE(result.ok());
  EXPECT_NE(std::string(result.message()).find("checkpoint"), std::string::npos) << result;
  EXPECT_LT(broker_.log.size(), 100u) << "the feed stopped";
}

}  // namespace
}  // namespace millrace::stages
