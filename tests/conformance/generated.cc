#include "tests/conformance/generated.h"

#include <algorithm>

#include "tests/conformance/generated_names.h"

namespace millrace::conformance {
namespace {

constexpr uint64_t kPurpose = 0x6e6572617465;
constexpr int kMembersMost = 4;

}  // namespace

GeneratedRun::GeneratedRun(World& world, uint64_t seed, const GeneratedOptions& options)
    : world_(world), seed_(seed), options_(options), random_(seed) {}

uint64_t GeneratedRun::Draw(uint64_t bound) { return random_.Below(kPurpose, {step_, draws_++}, bound); }

void GeneratedRun::Wrong(const std::string& what) {
  if (wrong_.size() < 20) wrong_.push_back("seed " + std::to_string(seed_) + ": " + what);
}

std::vector<std::string> GeneratedRun::Run() {
  partitions_ = static_cast<int32_t>(1 + Draw(4));
  groups_ = static_cast<int>(1 + Draw(2));
  const bool cooperative = Draw(2) == 0;
  cooperative_ = cooperative && world_.harness().Has(Ability::kCooperative);
  ledgers_.resize(static_cast<size_t>(groups_));
  std::vector<std::string> groups;
  for (int g = 0; g < groups_; ++g) groups.push_back(Group(g));
  Say(std::to_string(partitions_) + " partitions, " + std::to_string(groups_) + " groups" +
      (cooperative_ ? ", cooperative" : ""));
  if (absl::Status s = world_.Apply("t", partitions_, groups); !s.ok()) {
    Wrong("Apply: " + s.ToString());
    return wrong_;
  }
  for (uint64_t f = 0, n = 1 + Draw(2); f < n; ++f) {
    feeders_.push_back(&world_.OpenFeeder({"t"}));
    feeders_.back()->batch = 1 + Draw(20);
  }
  for (int step = 0; step < options_.steps; ++step) Step();
  ++step_, draws_ = 0;
  LetGo();
  Judge();
  if (wrong_.empty()) LookAtRest();
  if (wrong_.empty()) CheckNothingIsLeft();
  return wrong_;
}

GeneratedRun::Actor* GeneratedRun::Pick() {
  std::vector<Actor*> alive;
  for (Actor& actor : actors_) {
    if (actor.member->alive()) alive.push_back(&actor);
  }
  return alive.empty() ? nullptr : alive[Draw(alive.size())];
}

int GeneratedRun::Alive(int group) const {
  return static_cast<int>(std::count_if(actors_.begin(), actors_.end(),
                                        [&](const Actor& a) { return a.group == group && a.member->alive(); }));
}

void GeneratedRun::Step() {
  ++step_, draws_ = 0;
  const uint64_t dice = Draw(100);
  if (dice < 22) {
    Publish();
  } else if (dice < 46) {
    FinishSome();
  } else if (dice < 53) {
    Join(static_cast<int>(Draw(static_cast<uint64_t>(groups_))));
  } else if (dice < 57) {
    End(/*crash=*/false);
  } else if (dice < 61) {
    End(/*crash=*/true);
  } else if (dice < 66) {
    Pause();
  } else if (dice < 68) {
    GiveUp();
  } else if (dice < 70) {
    Expire();
  } else if (dice < 71) {
    Restart();
  } else if (dice < 74) {
    SettleLate();
  } else {
    PassTime();
  }
  world_.Pump();
  Account();
}

void GeneratedRun::Publish() {
  const size_t feeder = Draw(feeders_.size());
  const int32_t partition = static_cast<int32_t>(Draw(static_cast<uint64_t>(partitions_)));
  const uint64_t count = 1 + Draw(20);
  for (uint64_t i = 0; i < count; ++i) {
    feeders_[feeder]->SendText(0, partition,
                               Make({feeder, partition, static_cast<int64_t>(feeders_[feeder]->sent.size())}));
  }
  Say("publish " + std::to_string(count) + " by " + std::to_string(feeder) + " to " + std::to_string(partition));
}

void GeneratedRun::FinishSome() {
  Actor* actor = Pick();
  if (actor == nullptr) return;
  Member& member = *actor->member;
  const uint64_t of_ten = 1 + Draw(10);
  size_t finished = 0;
  for (size_t i = 0; i < member.got.size(); ++i) {
    if (!member.CanFinish(member.got[i]) || Draw(10) >= of_ten) continue;
    if (absl::Status s = member.Finish(member.got[i]); !s.ok())
      Wrong("a settlement under a live holding: " + s.ToString());
    ++finished;
  }
  if (Draw(2) == 0) member.ReleaseRevoked();
  Say("finish " + std::to_string(finished) + " at " + member.instance());
}

void GeneratedRun::SettleLate() {
  Actor* actor = Pick();
  if (actor == nullptr) return;
  Member& member = *actor->member;
  for (const Got& got : member.got) {
    if (member.consumer->Holds(got.holding)) continue;
    const bus::SettleRange range{got.delivery.sequence, got.delivery.sequence};
    const absl::Status s =
        member.consumer->Settle({.holding = got.holding, .ranges = {&range, 1}, .next = range.last + 1, .note = {}});
    if (!absl::IsAborted(s)) Wrong("a settlement under a stale epoch: " + s.ToString());
  }
  Say("settle late at " + member.instance());
}

void GeneratedRun::Join(int group) {
  if (Alive(group) >= kMembersMost) return;
  bus::ConsumerOptions options = world_.Options(Group(group), {"t"});
  options.cooperative = cooperative_;
  options.batch_max = static_cast<uint32_t>(1 + Draw(32));
  options.prefetch = 24;  // equal for all: on queues the order of redelivery depends on it
  Member& member = world_.Join(options);
  member.release_at_once = Draw(2) == 0;
  actors_.push_back({.member = &member, .group = group});
  Say("join " + member.instance() + (member.release_at_once ? "" : ", slow to release"));
}

void GeneratedRun::End(bool crash) {
  Actor* actor = Pick();
  if (actor == nullptr) return;
  Member& member = *actor->member;
  Say((crash ? "crash " : "close ") + member.instance());
  See(*actor);
  bool clean = false;
  if (crash) {
    world_.Kill(member);
  } else {
    const absl::Status closed = world_.Close(member);
    clean = closed.ok();
    // In the middle of a rebalance, or where the connection has broken, nobody can say that every settlement was taken.
    if (!clean && !absl::IsUnavailable(closed) && !absl::IsDeadlineExceeded(closed)) {
      Wrong("Close of " + member.instance() + ": " + closed.ToString());
    }
  }
  if (!clean) Broke(*actor);
}

void GeneratedRun::See(Actor& actor) {
  if (!actor.member->alive()) return;
  for (const Holding& holding : actor.member->consumer->holdings()) {
    actor.seen[{holding.epoch, holding.partition}] = world_.Now();
  }
}

void GeneratedRun::Broke(Actor& actor) {
  // What was released a moment ago may still have been on its way back, its last settlements not taken.
  for (const auto& [holding, when] : actor.seen) {
    if (world_.Now() - when > 2 * world_.timing().session_timeout) continue;
    crashed_.emplace_back(actor.member, Holding{holding.second, holding.first});
  }
}

void GeneratedRun::Pause() {
  Actor* actor = Pick();
  if (actor == nullptr) return;
  for (const Holding& holding : actor->member->consumer->holdings()) {
    const bool on = Draw(2) == 0;
    if (absl::Status s = actor->member->consumer->Flow(holding, on); !s.ok()) Wrong("Flow: " + s.ToString());
  }
  Say("change flow at " + actor->member->instance());
}

void GeneratedRun::GiveUp() {
  Actor* actor = Pick();
  if (actor == nullptr || actor->member->consumer->held() == 0) return;
  const std::vector<Holding> holdings = actor->member->consumer->holdings();
  const Holding holding = holdings[Draw(holdings.size())];
  Say("give up partition " + std::to_string(holding.partition.number) + " at " + actor->member->instance());
  if (absl::Status s = actor->member->Release(holding); !s.ok()) Wrong("Release: " + s.ToString());
}

void GeneratedRun::Expire() {
  Actor* actor = Pick();
  if (actor == nullptr || !options_.disturb || !world_.harness().Has(Ability::kExpireSession)) return;
  Member& member = *actor->member;
  Say("expire " + member.instance());
  member.frozen = true;
  See(*actor);
  Broke(*actor);
  world_.harness().ExpireSession(member.instance());
  RunFor(2 * world_.timing().session_timeout);
  member.frozen = false;
}

void GeneratedRun::Restart() {
  if (!options_.disturb || !world_.harness().Has(Ability::kRestartBroker)) return;
  Say("restart the broker");
  restarted_ = true;
  world_.harness().StopBroker();
  RunFor(Duration(static_cast<int64_t>(Draw(static_cast<uint64_t>(world_.timing().session_timeout.count())))));
  world_.harness().StartBroker();
}

void GeneratedRun::PassTime() {
  const Timing& timing = world_.timing();
  const Duration choices[] = {timing.heartbeat_interval / 100, timing.heartbeat_interval, timing.session_timeout};
  const uint64_t choice = Draw(12);
  RunFor(choices[choice < 8 ? 0 : choice < 11 ? 1 : 2]);
}

void GeneratedRun::RunFor(Duration time) {
  world_.RunUntil(
      [&] {
        Account();
        return false;
      },
      time);
}

void GeneratedRun::Account() {
  for (Actor& actor : actors_) {
    See(actor);
    for (; actor.looked_at < actor.member->got.size(); ++actor.looked_at) AccountOne(actor, actor.looked_at);
  }
}

void GeneratedRun::AccountOne(Actor& actor, size_t index) {
  const Got& got = actor.member->got[index];
  const std::string text = got.text();
  Text t;
  if (!Parse(text, t) || t.feeder >= feeders_.size() ||
      t.number >= static_cast<int64_t>(feeders_[t.feeder]->sent.size()) ||
      t.partition != got.holding.partition.number ||
      feeders_[t.feeder]->sent[static_cast<size_t>(t.number)].message.body != text) {
    Wrong("a delivery that nobody published: \"" + text + "\"");
    return;
  }
  Ledger& ledger = ledgers_[static_cast<size_t>(actor.group)];
  std::vector<Handed>& handed = ledger.handed[text];
  if (handed.empty()) {
    auto [newest, added] = ledger.newest.try_emplace({t.feeder, t.partition}, -1);
    if (t.number <= newest->second) {
      Wrong(text + " came for the first time after " + std::to_string(newest->second) + ", at " +
            actor.member->instance());
    }
    newest->second = t.number;
  }
  for (const Handed& before : handed) {
    const Got& theirs = before.member->got[before.index];
    const bool same_holding = before.member == actor.member && theirs.holding == got.holding;
    if (same_holding) {
      Wrong(text + " came twice within one holding of " + actor.member->instance());
    } else if (before.member->Settled(theirs)) {
      suspects_.push_back({before.member, theirs.holding, actor.member, got.holding,
                           text + " came again at " + actor.member->instance() + " though it was settled by " +
                               before.member->instance()});
    } else if (before.member->alive() && before.member->consumer->Holds(theirs.holding)) {
      suspects_.push_back(
          {before.member, theirs.holding, actor.member, got.holding,
           text + " came to " + actor.member->instance() + " while it is with " + before.member->instance()});
    }
  }
  handed.push_back({actor.member, index});
}

void GeneratedRun::LetGo() {
  Say("let go");
  for (int group = 0; group < groups_; ++group) {
    if (Alive(group) == 0) Join(group);
  }
  auto ease = [&] {
    for (Actor& actor : actors_) {
      if (!actor.member->alive()) continue;
      actor.member->release_at_once = true;
      actor.member->ReleaseRevoked();
      for (const Holding& holding : actor.member->consumer->holdings()) {
        if (absl::Status s = actor.member->consumer->Flow(holding, true); !s.ok()) Wrong("Flow: " + s.ToString());
      }
      if (absl::Status s = actor.member->FinishAll(); !s.ok())
        Wrong("a settlement under a live holding: " + s.ToString());
      actor.member->finish_at_once = true;
    }
  };
  ease();
  auto answered = [&] {
    return std::all_of(feeders_.begin(), feeders_.end(), [](const Feeder* f) { return f->AllAnswered(); });
  };
  auto settled = [](const Ledger& ledger) {
    return std::all_of(ledger.handed.begin(), ledger.handed.end(), [](const auto& h) { return WasSettled(h.second); });
  };
  const bool all = world_.RunUntil([&] {
    Account();
    size_t confirmed = 0;
    for (const Feeder* feeder : feeders_) confirmed += feeder->CountOf(absl::StatusCode::kOk);
    return answered() && std::all_of(ledgers_.begin(), ledgers_.end(), [&](const Ledger& ledger) {
             return ledger.handed.size() >= confirmed && settled(ledger);
           });
  });
  if (!answered()) Wrong("publishes stay without an answer");
  if (!all) Wrong("not all comes within the limit");
  RunFor(world_.timing().quiet);
}

void GeneratedRun::Judge() {
  auto was_lost = [](const Member& member, const Holding& holding) {
    return std::find(member.lost.begin(), member.lost.end(), holding) != member.lost.end();
  };
  for (const Suspect& s : suspects_) {
    const bool crashed =
        std::find(crashed_.begin(), crashed_.end(), std::pair(s.first, s.first_holding)) != crashed_.end();
    // What lies in the hands of a member that has lost a partition and does not know it yet may still be told to it.
    const bool lost = was_lost(*s.first, s.first_holding) || was_lost(*s.second, s.second_holding);
    if (!lost && !crashed && !restarted_)
      Wrong(s.what + " (epoch " + std::to_string(s.first_holding.epoch) + " there)");
  }
  for (size_t f = 0; f < feeders_.size(); ++f) {
    for (const Feeder::Sent& sent : feeders_[f]->sent) {
      if (!sent.answer.has_value()) continue;
      if (!sent.answer->ok()) {
        if (!restarted_) Wrong("a publish failed: " + sent.answer->ToString());
        continue;
      }
      for (int group = 0; group < groups_; ++group) {
        const auto& handed = ledgers_[static_cast<size_t>(group)].handed;
        const auto at = handed.find(*sent.message.body);
        if (at == handed.end()) {
          Wrong(*sent.message.body + " was confirmed and never came to group " + std::to_string(group));
        } else if (!WasSettled(at->second)) {
          Wrong(*sent.message.body + " was never settled in group " + std::to_string(group) + ": " + Hands(at->second));
        }
      }
    }
  }
}

bool GeneratedRun::WasSettled(const std::vector<Handed>& handed) {
  return std::any_of(handed.begin(), handed.end(),
                     [](const Handed& h) { return h.member->Settled(h.member->got[h.index]); });
}

std::string GeneratedRun::Hands(const std::vector<Handed>& handed) const {
  std::string text = "it came to";
  for (const Handed& h : handed) {
    const Holding& holding = h.member->got[h.index].holding;
    const bool was_lost = std::find(h.member->lost.begin(), h.member->lost.end(), holding) != h.member->lost.end();
    const bool holds = h.member->alive() && h.member->consumer->Holds(holding);
    text += " " + h.member->instance() + " epoch " + std::to_string(holding.epoch) +
            (holds               ? " (still held)"
             : was_lost          ? " (lost)"
             : h.member->alive() ? " (released)"
                                 : " (ended)");
  }
  return text;
}

void GeneratedRun::CheckNothingIsLeft() {
  bool forgotten = false;
  for (Actor& actor : actors_) {
    if (!actor.member->alive()) continue;
    // Who has lost a connection, and gave something up before noticing it, cannot say that all was taken.
    const bool broke = restarted_ || std::any_of(crashed_.begin(), crashed_.end(),
                                                 [&](const auto& crashed) { return crashed.first == actor.member; });
    const absl::Status s = world_.Close(*actor.member);
    if (broke && absl::IsDeadlineExceeded(s)) {
      forgotten = true;
    } else if (!s.ok()) {
      Wrong("the last Close: " + s.ToString());
    }
  }
  // Settled means sent: what went with a connection comes again, and the Close has said so.
  if (forgotten) return;
  for (int group = 0; group < groups_; ++group) {
    if (world_.capabilities().lag && world_.Lag(Group(group), "t") != 0) {
      Wrong("lag of group " + std::to_string(group) + " is " + std::to_string(world_.Lag(Group(group), "t")) +
            " at the end");
    }
    Member& last = world_.Join(Group(group), {"t"});
    if (!world_.RunUntil([&] { return last.consumer->held() == static_cast<size_t>(partitions_); })) {
      Wrong("the last member is not given all partitions");
    }
    RunFor(world_.timing().quiet);
    if (!last.got.empty()) Wrong(last.got.front().text() + " is still there after everything was settled");
  }
}

}  // namespace millrace::conformance
