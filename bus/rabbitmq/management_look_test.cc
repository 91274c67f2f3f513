#include "bus/rabbitmq/management_look.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

constexpr char kQueues[] = R"([
  {"name": "t:g:0", "policy": "short", "operator_policy": null, "effective_policy_definition": {"message-ttl": 5000, "ha-mode": "all"},
   "arguments": {"x-dead-letter-exchange": "mr.trap", "x-overflow": "reject-publish"}},
  {"name": "t:g:1", "policy": "near", "operator_policy": "cap", "effective_policy_definition": {"max-length": 7, "delivery-limit": 3},
   "arguments": {"x-dead-letter-exchange": "mr.trap", "x-overflow": "reject-publish"}},
  {"name": "t::keep", "policy": "mirrors", "effective_policy_definition": {"queue-leader-locator": "balanced"}},
  {"name": "others", "policy": "short", "effective_policy_definition": {"expires": 1}},
  {"name": "plain", "policy": null, "effective_policy_definition": null}])";
constexpr char kBindings[] = R"([
  {"source": "", "destination": "t:g:0", "routing_key": "t:g:0"},
  {"source": "p.t", "destination": "p.t:p.g:0", "routing_key": "0"},
  {"source": "p.t", "destination": "p.t::keep", "routing_key": "0"},
  {"source": "mr.trap.p.", "destination": "mr.trap.p.", "routing_key": ""}])";

TopologyItem Item(const std::string& what, State state = State::kSame) {
  TopologyItem item;
  item.what = what;
  item.state = state;
  return item;
}

TEST(ManagementLookTest, PoliciesThatTakeMessagesOutAreExplained) {
  const auto view = ParseManagementView(kQueues, "[]");
  ASSERT_TRUE(view.ok()) << view.status();
  std::vector<TopologyItem> items = {Item("exchange \"t\""), Item("queue \"t:g:0\""),
                                     Item("queue \"t:g:1\"", State::kRefused), Item("queue \"t::keep\"")};
  AddManagementView(*view, {}, &items);
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[0].state, State::kSame);
  EXPECT_EQ(items[1].state, State::kDiffers);
  ASSERT_EQ(items[1].fields.size(), 1u) << "what does no harm is not said";
  EXPECT_EQ(items[1].fields[0].name + " " + items[1].fields[0].have, "message-ttl 5000");
  EXPECT_NE(items[1].advice.find("policy \"short\" takes out what waits longer"), std::string::npos) << items[1].advice;
  EXPECT_EQ(items[2].state, State::kRefused) << "it stays as bad as it was";
  EXPECT_EQ(items[2].fields.size(), 2u);
  EXPECT_NE(items[2].advice.find("policy \"near and cap\""), std::string::npos) << items[2].advice;
  EXPECT_EQ(items[3].state, State::kSame);
}

// What a policy does to a queue depends on what the queue itself, or else a policy, says of full queues and of dead messages.
TEST(ManagementLookTest, WhatAPolicyDestroysIsSaid) {
  const auto item = [](const std::string& policy, const std::string& arguments) {
    const auto view = ParseManagementView(R"([{"name": "q", "policy": "p", "effective_policy_definition": {)" + policy +
                                              R"(}, "arguments": {)" + arguments + "}}]",
                                          "[]");
    EXPECT_TRUE(view.ok()) << view.status();
    std::vector<TopologyItem> items = {Item("queue \"q\"")};
    if (view.ok()) AddManagementView(*view, {}, &items);
    return items[0];
  };
  const auto says = [](const TopologyItem& said, State state, const std::string& words) {
    EXPECT_EQ(said.state, state) << said.advice;
    EXPECT_NE(said.advice.find(words), std::string::npos) << said.advice;
  };
  for (const std::string length : {"messages", "bytes"}) {
    const std::string limit = length == "bytes" ? R"("max-length-bytes": 9)" : R"("max-length": 9)";
    says(item(limit, ""), State::kRefused, "destroys the oldest beyond so many " + length + ", and tells nobody");
    says(item(limit, R"("x-overflow": "drop-head")"), State::kRefused, "destroys the oldest");
    // The queue's own word goes before the policy's.
    says(item(limit + R"(, "overflow": "reject-publish")", R"("x-overflow": "drop-head")"), State::kRefused,
         "destroys");
    says(item(limit + R"(, "overflow": "reject-publish")", ""), State::kDiffers, "refuses publishes beyond");
    says(item(limit + R"(, "overflow": "drop-head")", R"("x-overflow": "reject-publish")"), State::kDiffers,
         "refuses publishes beyond so many " + length);
  }
  says(item(R"("message-ttl": 9)", ""), State::kDiffers, "destroys what waits longer");
  says(item(R"("message-ttl": 9)", R"("x-dead-letter-exchange": "t")"), State::kDiffers, "takes out what waits longer");
  says(item(R"("delivery-limit": 9)", ""), State::kDiffers, "destroys what was delivered so often");
}

TEST(ManagementLookTest, BindingsThatAreMissingAreFound) {
  const Topology placed{
      .topics = {{.name = "p.t", .partitions = 2, .groups = {"p.g"}, .keep = true}, {.name = "e", .existing = "e"}}};
  const std::vector<WantedBinding> wanted = BindingsOf(placed, "p.", "mr.trap.p.");
  EXPECT_EQ(wanted.size(), 5u);
  const auto view = ParseManagementView("[]", kBindings);
  ASSERT_TRUE(view.ok()) << view.status();
  std::vector<TopologyItem> items = {Item("exchange \"p.t\""),        Item("queue \"p.t:p.g:0\""),
                                     Item("queue \"p.t:p.g:1\""),     Item("queue \"p.t::keep\""),
                                     Item("exchange \"mr.trap.p.\""), Item("queue \"mr.trap.p.\"", State::kMissing)};
  AddManagementView(*view, wanted, &items);
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(items[6].what, "binding of queue \"p.t:p.g:1\" to exchange \"p.t\"");
  EXPECT_EQ(items[6].topic, "t");
  EXPECT_EQ(items[6].state, State::kMissing);
  EXPECT_EQ(items[6].fields[0].want, "1");
  EXPECT_EQ(items[7].what, "binding of queue \"p.t::keep\" to exchange \"p.t\"");
}

TEST(ManagementLookTest, WhatIsNoManagementIsSaid) {
  EXPECT_TRUE(absl::IsDataLoss(ParseManagementView("<html>", "[]").status()));
  EXPECT_TRUE(absl::IsDataLoss(ParseManagementView("[]", "{}").status()));
}

}  // namespace
}  // namespace millrace::bus
