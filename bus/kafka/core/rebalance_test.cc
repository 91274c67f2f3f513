#include "bus/kafka/core/rebalance.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using Partitions = std::vector<Partition>;
const Partition k0{0, 0}, k1{0, 1}, k2{0, 2};

// Writes down what librdkafka is told, and says in a word each what the core is told.
class Scene : public KafkaGroupClient {
 public:
  explicit Scene(bool cooperative) : group(cooperative, *this, events_) {}

  void Subscribe() override { log.push_back("subscribe"); }
  void Unassign(const std::set<Partition>& partitions) override { log.push_back("unassign" + Names(partitions)); }
  void Close() override { log.push_back("close"); }

  void Ask(LogMethod method) {
    LogRequest request;
    request.method = method;
    request.id = ++last_id;
    request.member = member;
    group.OnRequest(request);
  }
  // The core's two steps, as log_membership.h takes them.
  void Join() {
    Ask(LogMethod::kJoin);
    if (member.empty()) {
      ASSERT_EQ(Told(), "join:MEMBER_ID_REQUIRED");
      Ask(LogMethod::kJoin);
    }
  }
  // Everything since the last call.
  std::string Told() {
    std::string out;
    for (const LogEvent& event : events_) {
      if (!out.empty()) out += ' ';
      const bool failed = event.error != LogError::kNone;
      const std::string error = failed ? ":" + std::string(NameOf(event.error)) : "";
      switch (event.method) {
        case LogMethod::kJoin:
          EXPECT_EQ(event.id, last_id);
          member = event.detail->member;
          out += "join" + error;
          break;
        case LogMethod::kSync:
          out += "sync" + Names({event.detail->partitions.begin(), event.detail->partitions.end()});
          break;
        case LogMethod::kHeartbeat:
          EXPECT_EQ(event.id, 0u) << "unasked";
          if (event.error == LogError::kUnknownMember) member.clear();
          out += "told" + error;
          break;
        case LogMethod::kLeave:
          EXPECT_EQ(event.id, last_id);
          out += "left";
          break;
        default:
          out += "?";
      }
    }
    events_.clear();
    return out;
  }
  std::string Log() {
    std::string out;
    for (const std::string& line : log) out += (out.empty() ? "" : " ") + line;
    log.clear();
    return out;
  }
  // In, with these.
  void Settle(const Partitions& partitions, const std::string& names) {
    Join();
    group.OnAssigned(partitions);
    ASSERT_EQ(Told(), "join");
    Ask(LogMethod::kSync);
    ASSERT_EQ(Told(), "sync" + names);
    Log();
  }

  KafkaRebalance group;
  std::vector<std::string> log;
  std::string member;
  uint64_t last_id = 0;

 private:
  static std::string Names(const std::set<Partition>& partitions) {
    std::string out;
    for (Partition p : partitions) out += "/" + std::to_string(p.number);
    return out;
  }
  std::vector<LogEvent> events_;
};

TEST(KafkaRebalance, JoiningIsAnsweredByTheAssignment) {
  Scene scene(false);
  scene.Join();
  EXPECT_EQ(scene.Log(), "subscribe");
  EXPECT_EQ(scene.Told(), "") << "others are waited for";
  scene.group.OnAssigned({k0, k1});
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/0/1");
}

TEST(KafkaRebalance, WhatIsRevokedIsGivenBackWhenTheCoreJoinsAgain) {
  Scene scene(false);
  scene.Settle({k0, k1}, "/0/1");
  scene.group.OnRevoke({k0, k1}, false);
  EXPECT_EQ(scene.Told(), "told:REBALANCE_IN_PROGRESS");
  EXPECT_EQ(scene.Log(), "") << "the core is still settling";
  scene.Join();
  EXPECT_EQ(scene.Log(), "unassign/0/1");
  EXPECT_EQ(scene.Told(), "");
  scene.group.OnAssigned({k1});
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/1");
}

TEST(KafkaRebalance, WhatIsLostIsGivenBackAtOnce) {
  Scene scene(false);
  scene.Settle({k0}, "/0");
  scene.group.OnRevoke({k0}, true);
  EXPECT_EQ(scene.Log(), "unassign/0");
  EXPECT_EQ(scene.Told(), "told:UNKNOWN_MEMBER_ID");
  // librdkafka may be in again before the core asks.
  scene.group.OnAssigned({k1});
  EXPECT_EQ(scene.Told(), "");
  scene.Join();
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/1");
}

// An eager core that waits to be in holds nothing.
TEST(KafkaRebalance, ARevocationOfWhatWasNeverToldNeedsNobody) {
  Scene scene(false);
  scene.Join();
  scene.group.OnRevoke({}, false);
  EXPECT_EQ(scene.Log(), "subscribe unassign");
  EXPECT_EQ(scene.Told(), "");
}

TEST(KafkaRebalance, ARevocationBetweenJoinAndSyncIsTold) {
  Scene scene(false);
  scene.Join();
  scene.group.OnAssigned({k0});
  EXPECT_EQ(scene.Told(), "join");
  scene.group.OnRevoke({k0}, false);
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync told:REBALANCE_IN_PROGRESS") << "and nothing of what goes is handed out";
  scene.Join();
  EXPECT_EQ(scene.Log(), "subscribe unassign/0");
}

TEST(KafkaRebalance, AnIdleMemberIsGivenPartitionsWithoutARevocation) {
  Scene scene(false);
  scene.Settle({}, "");
  scene.group.OnAssigned({k2});
  EXPECT_EQ(scene.Told(), "told:REBALANCE_IN_PROGRESS");
  scene.Join();
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/2");
}

// A commit may tell the core that it is out before librdkafka knows.
TEST(KafkaRebalance, ACoreThatThinksItselfOutIsGivenWhatThereIs) {
  Scene scene(false);
  scene.Settle({k0}, "/0");
  scene.member.clear();
  scene.Join();
  EXPECT_EQ(scene.Told(), "join");
  EXPECT_EQ(scene.Log(), "");
}

TEST(KafkaRebalance, CooperativeChangesAreToldAsTheWhole) {
  Scene scene(true);
  scene.Settle({k0}, "/0");
  scene.group.OnAssigned({k1, k2});  // librdkafka tells what is new
  EXPECT_EQ(scene.Told(), "told:REBALANCE_IN_PROGRESS");
  scene.Join();
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/0/1/2");
}

TEST(KafkaRebalance, ACooperativeRevocationTakesTwoRounds) {
  Scene scene(true);
  scene.Settle({k0, k1}, "/0/1");
  scene.group.OnRevoke({k1}, false);  // and what goes
  EXPECT_EQ(scene.Told(), "told:REBALANCE_IN_PROGRESS");
  scene.Join();
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/0") << "so the core sees what it has to give back";
  EXPECT_EQ(scene.Log(), "") << "and is still at it";
  scene.Join();
  EXPECT_EQ(scene.Log(), "unassign/1");
  EXPECT_EQ(scene.Told(), "join");
  scene.Ask(LogMethod::kSync);
  EXPECT_EQ(scene.Told(), "sync/0");
}

TEST(KafkaRebalance, ACooperativeMemberThatWaitsHearsOfALoss) {
  Scene scene(true);
  scene.Settle({k0}, "/0");
  scene.group.OnRevoke({k0}, true);
  EXPECT_EQ(scene.Log(), "unassign/0");
  EXPECT_EQ(scene.Told(), "told:UNKNOWN_MEMBER_ID");
  scene.Join();
  EXPECT_EQ(scene.Told(), "") << "it has nothing, and waits";
  scene.group.OnRevoke({}, true);
  EXPECT_EQ(scene.Told(), "join:UNKNOWN_MEMBER_ID");
}

TEST(KafkaRebalance, LeavingClosesAndMayJoinAnew) {
  Scene scene(false);
  scene.Settle({k0}, "/0");
  scene.Ask(LogMethod::kLeave);
  EXPECT_EQ(scene.Log(), "close");
  EXPECT_TRUE(scene.group.leaving());
  scene.group.OnRevoke({k0}, false);
  EXPECT_EQ(scene.Log(), "unassign/0") << "nobody is asked any more";
  EXPECT_EQ(scene.Told(), "");
  scene.group.OnClosed();
  EXPECT_EQ(scene.Told(), "left");
  scene.member.clear();
  scene.Join();
  EXPECT_EQ(scene.Log(), "subscribe");
}

TEST(KafkaRebalance, LeavingBeforeTheFirstJoinNeedsNoBroker) {
  Scene scene(false);
  scene.Ask(LogMethod::kLeave);
  EXPECT_EQ(scene.Told(), "left");
  EXPECT_EQ(scene.Log(), "");
}

TEST(KafkaRebalance, ARefusalReachesTheCoreWhereverItStands) {
  Scene joining(false);
  joining.Join();
  joining.group.OnRefused(LogError::kInconsistentProtocol);
  EXPECT_EQ(joining.Told(), "join:INCONSISTENT_GROUP_PROTOCOL");
  Scene in(false);
  in.Settle({k0}, "/0");
  in.group.OnRefused(LogError::kFencedInstance);
  EXPECT_EQ(in.Told(), "told:FENCED_INSTANCE_ID");
  Scene between(false);
  between.Join();
  between.group.OnAssigned({k0});
  EXPECT_EQ(between.Told(), "join");
  between.group.OnRefused(LogError::kFencedInstance);
  between.Join();
  EXPECT_EQ(between.Told(), "join:FENCED_INSTANCE_ID");
}

}  // namespace
}  // namespace millrace::bus
