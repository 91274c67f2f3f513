#include "bus/memory/log_group.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace millrace::bus {
namespace {

using std::chrono::seconds;
using State = LogGroup::State;

// Speaks for members over numbered connections and collects what they are answered.
class LogGroupTest : public ::testing::Test {
 protected:
  struct Reply {
    LogError error = LogError::kNone;
    int32_t generation = -1;
    std::string member;
    std::string leader;
    std::string protocol;
    std::vector<std::string> members;
    std::vector<Partition> partitions;
  };

  void Make(LogGroupOptions options = {.require_member_id = false}) {
    group = std::make_unique<LogGroup>("g", options);
  }

  LogJoin Joining(std::vector<Partition> owned = {}) {
    LogJoin join;
    join.protocols = protocols;
    join.session_timeout = seconds(10);
    join.rebalance_timeout = seconds(30);
    join.topics = {0};
    join.owned = std::move(owned);
    return join;
  }
  void Join(LogConnectionId c, std::string_view member, std::string_view instance = {},
            std::vector<Partition> owned = {}) {
    const LogJoin join = Joining(std::move(owned));
    group->Handle(c, {.method = LogMethod::kJoin, .id = ++id, .member = member, .instance = instance, .join = &join},
                  now, answers);
  }
  void Sync(LogConnectionId c, std::string_view member, int32_t generation,
            std::vector<LogMemberAssignment> assignments = {}, std::string_view instance = {}) {
    group->Handle(c,
                  {.method = LogMethod::kSync,
                   .id = ++id,
                   .generation = generation,
                   .member = member,
                   .instance = instance,
                   .assignments = assignments},
                  now, answers);
  }
  void Heartbeat(LogConnectionId c, std::string_view member, int32_t generation, std::string_view instance = {}) {
    group->Handle(
        c,
        {.method = LogMethod::kHeartbeat, .id = ++id, .generation = generation, .member = member, .instance = instance},
        now, answers);
  }
  void Leave(LogConnectionId c, std::string_view member) {
    group->Handle(c, {.method = LogMethod::kLeave, .id = ++id, .member = member}, now, answers);
  }
  LogError Commit(std::string_view member, int32_t generation, std::string_view instance = {}) {
    return group->CheckCommit({.method = LogMethod::kCommit,
                               .generation = generation,
                               .partition = {0, 99},
                               .member = member,
                               .instance = instance},
                              now);
  }
  void Pass(Duration time) {
    now = now + time;
    group->Advance(now, answers);
  }
  // The next answer on a connection, taken away.
  std::optional<Reply> Take(LogConnectionId c) {
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].connection != c) continue;
      const LogEvent& e = answers[i].event;
      Reply reply{.error = e.error, .generation = e.generation};
      if (e.detail) {
        reply.member = e.detail->member;
        reply.leader = e.detail->leader;
        reply.protocol = e.detail->protocol;
        reply.partitions = e.detail->partitions;
        for (const GroupMember& m : e.detail->members) reply.members.push_back(m.id);
      }
      answers.erase(answers.begin() + static_cast<ptrdiff_t>(i));
      return reply;
    }
    return std::nullopt;
  }
  LogError ErrorOf(LogConnectionId c) {
    const std::optional<Reply> reply = Take(c);
    EXPECT_TRUE(reply.has_value()) << "no answer on connection " << c;
    return reply ? reply->error : LogError::kRefused;
  }
  // Two members, a on connection 1 as leader and b on 2, stable in one generation.
  void TwoStable(std::string_view instance_b = {}) {
    Join(1, {});
    a = Take(1)->member;
    Join(2, {}, instance_b);
    Join(1, a);
    const Reply of_b = *Take(2);
    EXPECT_EQ(of_b.error, LogError::kNone);
    b = of_b.member;
    EXPECT_EQ(Take(1)->generation, of_b.generation);
    Sync(2, b, group->generation(), {}, instance_b);
    Sync(1, a, group->generation(), {{a, {{0, 0}}}, {b, {{0, 1}}}});
    Take(1);
    EXPECT_EQ(Take(2)->partitions, (std::vector<Partition>{{0, 1}}));
    ASSERT_EQ(group->state(), State::kStable);
  }

  std::unique_ptr<LogGroup> group;
  std::vector<LogGroup::Answer> answers;
  std::vector<std::string> protocols = {"range"};
  MonotonicTime now{1};
  uint64_t id = 0;
  std::string a, b;
};

TEST_F(LogGroupTest, FromEmptyToStable) {
  Make();
  EXPECT_EQ(group->state(), State::kEmpty);
  Join(1, {});
  const Reply joined = *Take(1);
  EXPECT_EQ(joined.generation, 1);
  EXPECT_EQ(joined.leader, joined.member);
  EXPECT_EQ(joined.protocol, "range");
  EXPECT_EQ(joined.members, (std::vector<std::string>{joined.member}));
  EXPECT_EQ(group->state(), State::kCompletingRebalance);
  Sync(1, joined.member, 1, {{joined.member, {{0, 0}, {0, 1}}}});
  EXPECT_EQ(Take(1)->partitions.size(), 2u);
  EXPECT_EQ(group->state(), State::kStable);
  Heartbeat(1, joined.member, 1);
  EXPECT_EQ(ErrorOf(1), LogError::kNone);
  Leave(1, joined.member);
  EXPECT_EQ(ErrorOf(1), LogError::kNone);
  EXPECT_EQ(group->state(), State::kEmpty);
  EXPECT_EQ(group->generation(), 2);
  EXPECT_EQ(group->NextTimer(), MonotonicTime::Infinite());
}

TEST_F(LogGroupTest, AMemberIdIsAskedForFirst) {
  Make({.require_member_id = true});
  Join(1, {});
  const Reply first = *Take(1);
  EXPECT_EQ(first.error, LogError::kMemberIdRequired);
  EXPECT_FALSE(first.member.empty());
  EXPECT_EQ(group->state(), State::kEmpty);
  Join(1, first.member);
  EXPECT_EQ(ErrorOf(1), LogError::kNone);
  Join(2, "never given");
  EXPECT_EQ(ErrorOf(2), LogError::kUnknownMember);
  // Somebody who asked for an id and does not come holds up the others, up to the session's time.
  Join(3, {});
  Take(3);
  Join(4, {}, "static");
  Join(1, first.member, {}, {{0, 0}});
  EXPECT_FALSE(Take(4).has_value());
  Pass(seconds(11));
  EXPECT_EQ(ErrorOf(4), LogError::kNone);
}

TEST_F(LogGroupTest, AJoinWaitsForEverybody) {
  Make();
  TwoStable();
  Join(3, {});
  EXPECT_EQ(group->state(), State::kPreparingRebalance);
  Heartbeat(1, a, 2);
  EXPECT_EQ(ErrorOf(1), LogError::kRebalanceInProgress);
  Sync(1, a, 2);
  EXPECT_EQ(ErrorOf(1), LogError::kRebalanceInProgress);
  Join(1, a);
  EXPECT_TRUE(answers.empty());
  Join(2, b);
  EXPECT_EQ(Take(1)->members.size(), 3u);
  EXPECT_TRUE(Take(2)->members.empty()) << "only the leader is told who is there";
  EXPECT_EQ(Take(3)->leader, a);
  EXPECT_EQ(group->generation(), 3);
}

TEST_F(LogGroupTest, WhoDoesNotJoinInTimeIsOut) {
  Make();
  TwoStable();
  Join(1, a);  // the leader joining again asks for a rebalance
  for (int s = 0; s < 29; ++s) {
    Pass(seconds(1));
    Heartbeat(2, b, 2);
    EXPECT_EQ(ErrorOf(2), LogError::kRebalanceInProgress);
  }
  EXPECT_FALSE(Take(1).has_value());
  Pass(seconds(2));
  EXPECT_EQ(Take(1)->members, (std::vector<std::string>{a}));
  Heartbeat(2, b, 2);
  EXPECT_EQ(ErrorOf(2), LogError::kUnknownMember);
}

TEST_F(LogGroupTest, ASessionWithoutHeartbeatEnds) {
  Make();
  TwoStable();
  Pass(seconds(8));
  Heartbeat(1, a, 2);
  ErrorOf(1);
  Pass(seconds(3));
  EXPECT_EQ(group->Members(), (std::vector<std::string>{a}));
  EXPECT_EQ(group->state(), State::kPreparingRebalance);
  Heartbeat(2, b, 2);
  EXPECT_EQ(ErrorOf(2), LogError::kUnknownMember);
}

TEST_F(LogGroupTest, WhoWaitsForAnAnswerDoesNotTimeOut) {
  Make();
  TwoStable();
  Join(3, {});
  Join(1, a);
  for (int s = 0; s < 9; ++s) {
    Pass(seconds(3));
    Heartbeat(2, b, 2);
    ErrorOf(2);
  }
  EXPECT_EQ(group->Members().size(), 3u);
  Join(2, b);
  EXPECT_EQ(ErrorOf(1), LogError::kNone);
}

TEST_F(LogGroupTest, TheLeadersSyncAnswersAll) {
  Make();
  TwoStable();
  Join(1, a);
  Join(2, b);
  Take(1), Take(2);
  Sync(2, b, 3);
  EXPECT_FALSE(Take(2).has_value());
  Heartbeat(2, b, 3);
  EXPECT_EQ(ErrorOf(2), LogError::kNone) << "alive between join and sync";
  Sync(1, a, 3, {{b, {{0, 0}}}});
  EXPECT_EQ(Take(2)->partitions.size(), 1u);
  EXPECT_TRUE(Take(1)->partitions.empty()) << "left out by the leader";
  Sync(2, b, 3);
  EXPECT_EQ(Take(2)->partitions.size(), 1u) << "asked again";
}

TEST_F(LogGroupTest, WhoNeverSyncsIsOut) {
  Make();
  TwoStable();
  Join(1, a);
  Join(2, b);
  Take(1), Take(2);
  Sync(1, a, 3, {});
  Take(1);
  for (int s = 0; s < 5; ++s) {
    Pass(seconds(7));
    Heartbeat(1, a, 3);
    Heartbeat(2, b, 3);
    Take(1), Take(2);
  }
  EXPECT_EQ(group->Members(), (std::vector<std::string>{a}));
}

TEST_F(LogGroupTest, ALeaderThatLeavesIsReplaced) {
  Make();
  TwoStable();
  Join(1, a);
  Join(2, b);
  Take(1), Take(2);
  Sync(2, b, 3);
  Leave(1, a);
  EXPECT_EQ(ErrorOf(1), LogError::kNone);
  EXPECT_EQ(ErrorOf(2), LogError::kRebalanceInProgress) << "its sync";
  Join(2, b);
  EXPECT_EQ(Take(2)->leader, b);
}

TEST_F(LogGroupTest, CommitsAreCheckedByMemberAndGenerationOnly) {
  Make();
  TwoStable();
  EXPECT_EQ(Commit(a, 2), LogError::kNone) << "partition 99 is nobody's, and that is fine";
  EXPECT_EQ(Commit(a, 1), LogError::kIllegalGeneration);
  EXPECT_EQ(Commit(a, 3), LogError::kIllegalGeneration);
  EXPECT_EQ(Commit("who", 2), LogError::kUnknownMember);
  EXPECT_EQ(Commit("", -1), LogError::kUnknownMember) << "outside of membership only while nobody is in";
  Join(3, {});
  EXPECT_EQ(group->state(), State::kPreparingRebalance);
  EXPECT_EQ(Commit(a, 2), LogError::kNone);
  Join(1, a);
  Join(2, b);
  EXPECT_EQ(group->state(), State::kCompletingRebalance);
  EXPECT_EQ(Commit(a, 3), LogError::kRebalanceInProgress);
  EXPECT_EQ(Commit(a, 2), LogError::kIllegalGeneration);
}

TEST_F(LogGroupTest, CommitsOutsideOfMembershipWhileEmpty) {
  Make();
  EXPECT_EQ(Commit("", -1), LogError::kNone);
  EXPECT_EQ(Commit("x", 3), LogError::kUnknownMember);
}

TEST_F(LogGroupTest, ACommitKeepsTheSessionAlive) {
  Make();
  TwoStable();
  Pass(seconds(8));
  Commit(a, 2);
  Pass(seconds(8));
  EXPECT_EQ(group->Members(), (std::vector<std::string>{a}));
}

TEST_F(LogGroupTest, AStaticMemberIsReplacedWithoutARebalance) {
  Make();
  TwoStable("inst");
  Join(5, {}, "inst");
  const Reply again = *Take(5);
  EXPECT_EQ(again.error, LogError::kNone);
  EXPECT_NE(again.member, b);
  EXPECT_EQ(again.generation, 2);
  EXPECT_EQ(group->state(), State::kStable);
  Sync(5, again.member, 2, {}, "inst");
  EXPECT_EQ(Take(5)->partitions, (std::vector<Partition>{{0, 1}}));
  Heartbeat(2, b, 2, "inst");
  EXPECT_EQ(ErrorOf(2), LogError::kFencedInstance);
  EXPECT_EQ(Commit(b, 2, "inst"), LogError::kFencedInstance);
  Join(2, b, "inst");
  EXPECT_EQ(ErrorOf(2), LogError::kFencedInstance);
  EXPECT_EQ(Commit(again.member, 2, "nobody"), LogError::kUnknownMember);
}

TEST_F(LogGroupTest, AStaticLeaderComesBackAsFollower) {
  Make();
  Join(1, {}, "inst");
  const std::string old = Take(1)->member;
  Sync(1, old, 1, {{old, {{0, 0}}}}, "inst");
  Take(1);
  Join(2, {}, "inst");
  const Reply again = *Take(2);
  EXPECT_NE(again.leader, again.member) << "it must not assign anew in a generation that is settled";
  EXPECT_TRUE(again.members.empty());
  Sync(2, again.member, 1, {}, "inst");
  EXPECT_EQ(Take(2)->partitions.size(), 1u);
}

TEST_F(LogGroupTest, AStaticMemberReplacedWhileItWaitsIsFenced) {
  Make();
  TwoStable();
  Join(3, {}, "inst");
  Join(4, {}, "inst");
  EXPECT_EQ(ErrorOf(3), LogError::kFencedInstance);
  Join(1, a);
  Join(2, b);
  EXPECT_EQ(ErrorOf(4), LogError::kNone);
  EXPECT_EQ(group->Members().size(), 3u);
}

TEST_F(LogGroupTest, AStaticMemberThatIsAwayStaysUntilItsSessionEnds) {
  Make();
  TwoStable("inst");
  Join(1, a);
  for (int s = 0; s < 4; ++s) {
    Pass(seconds(8));
    Heartbeat(2, b, 2, "inst");
    Take(2);
  }
  EXPECT_EQ(Take(1)->members.size(), 2u) << "the rebalance went on, and it is still counted in";
  EXPECT_EQ(group->generation(), 3);
  Heartbeat(2, b, 2, "inst");
  EXPECT_EQ(ErrorOf(2), LogError::kIllegalGeneration);
}

TEST_F(LogGroupTest, ThereMustBeACommonProtocol) {
  Make();
  TwoStable();
  protocols = {"cooperative-sticky"};
  Join(3, {});
  EXPECT_EQ(ErrorOf(3), LogError::kInconsistentProtocol);
  protocols = {"cooperative-sticky", "range"};
  Join(3, {});
  Join(1, a);
  protocols = {"range"};
  Join(1, a);
  Join(2, b);
  EXPECT_EQ(group->protocol(), "range");
}

TEST_F(LogGroupTest, AFollowerWithNothingNewIsAnsweredAtOnce) {
  Make();
  TwoStable();
  Join(2, b);
  const Reply reply = *Take(2);
  EXPECT_EQ(reply.generation, 2);
  EXPECT_EQ(group->state(), State::kStable);
  Join(2, b, {}, {{0, 1}});
  EXPECT_EQ(group->state(), State::kPreparingRebalance) << "what it holds has changed";
}

TEST_F(LogGroupTest, TheFirstJoinWaitsForOthersWhereToldTo) {
  Make({.initial_rebalance_delay = seconds(3), .require_member_id = false});
  Join(1, {});
  EXPECT_FALSE(Take(1).has_value());
  Pass(seconds(2));
  Join(2, {});
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(group->NextTimer(), MonotonicTime{1} + seconds(3));
  Pass(seconds(1));
  EXPECT_EQ(Take(1)->members.size() + Take(2)->members.size(), 2u);
  EXPECT_EQ(group->generation(), 1);
}

TEST_F(LogGroupTest, SessionTimeoutsHaveBounds) {
  Make({.require_member_id = false, .session_timeout_min = seconds(20)});
  Join(1, {});
  EXPECT_EQ(ErrorOf(1), LogError::kInvalidSessionTimeout);
}

TEST_F(LogGroupTest, OnlyAnEmptyGroupIsDeletedAndThenItIsDead) {
  Make();
  TwoStable();
  EXPECT_EQ(group->Delete(), LogError::kGroupNotEmpty);
  Leave(1, a);
  Leave(2, b);
  group->Commit({0, 1}, 7, "n");
  EXPECT_EQ(group->Delete(), LogError::kNone);
  EXPECT_EQ(group->state(), State::kDead);
  EXPECT_EQ(group->CommittedOf({0, 1}).offset, -1);
  answers.clear();
  Join(1, {});
  EXPECT_EQ(ErrorOf(1), LogError::kCoordinatorUnavailable);
  EXPECT_EQ(Commit("", -1), LogError::kCoordinatorUnavailable);
}

TEST_F(LogGroupTest, AReloadForgetsWaitingsAndGivesSessionsTheirTime) {
  Make();
  TwoStable();
  Join(3, {});
  now = now + seconds(100);
  group->Reloaded(now);
  Pass(seconds(9));
  EXPECT_EQ(group->Members().size(), 3u);
  Heartbeat(1, a, 2);
  EXPECT_EQ(ErrorOf(1), LogError::kRebalanceInProgress);
  Join(1, a);
  Join(2, b);
  Pass(seconds(2));  // the third never came back
  EXPECT_EQ(Take(1)->members.size(), 2u);
}

TEST_F(LogGroupTest, LeavingWhileWaitingToJoin) {
  Make();
  TwoStable();
  Join(3, {});
  const std::vector<std::string> all = group->Members();
  Join(1, a);
  Leave(2, b);
  EXPECT_EQ(ErrorOf(2), LogError::kNone);
  EXPECT_EQ(ErrorOf(1), LogError::kNone);
  EXPECT_EQ(ErrorOf(3), LogError::kNone);
  Leave(9, "who");
  EXPECT_EQ(ErrorOf(9), LogError::kUnknownMember);
}

TEST_F(LogGroupTest, NotesAndOffsetsAreKeptPerPartition) {
  Make();
  group->Commit({1, 2}, 5, "five");
  group->Commit({1, 2}, 4, "");
  EXPECT_EQ(group->CommittedOf({1, 2}).offset, 4) << "a commit may go back";
  EXPECT_EQ(group->CommittedOf({1, 2}).note, "") << "and replaces the note";
  EXPECT_EQ(group->CommittedOf({0, 2}).offset, -1);
  EXPECT_EQ(group->CommittedPartitions(), (std::vector<Partition>{{1, 2}}));
}

}  // namespace
}  // namespace millrace::bus
