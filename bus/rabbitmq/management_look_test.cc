#include "bus/rabbitmq/management_look.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using State = TopologyItem::State;

constexpr char kQueues[] = R"([
  {"name": "t:g:0", "policy": "short", "operator_policy": null, "effective_policy_definition": {"message-ttl": 5000, "ha-mode": "all"}},
  {"name": "t:g:1", "policy": "near", "operator_policy": "cap", "effective_policy_definition": {"max-length": 7, "delivery-limit": 3}},
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
