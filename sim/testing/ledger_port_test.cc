#include "sim/testing/ledger_port.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "stages/testing/fake_port_world.h"

namespace millrace::sim {
namespace {

using stages::FakePortWorld;
using Entry = MemoryLedger::Entry;

std::map<std::string, std::string> StateOf(MemoryLedger& ledger) {
  std::map<std::string, std::string> state;
  ledger.ForEachState([&](std::string_view key, std::string_view value) { state.emplace(key, value); });
  return state;
}

TEST(MemoryLedger, KeepsEachIdOnce) {
  FakePortWorld world;
  MemoryLedger ledger(&world);
  ASSERT_TRUE(ledger.Put("1", "a", "x").ok());
  ASSERT_TRUE(ledger.Put("2", "a", "y").ok());
  ASSERT_TRUE(ledger.Put("1", "a", "x").ok());
  ASSERT_TRUE(ledger.Put("2", "b", "z").ok()) << "known, under another key too";
  EXPECT_EQ(ledger.entries().at("a"), (std::vector<Entry>{{"1", "x"}, {"2", "y"}}));
  EXPECT_EQ(ledger.entries().count("b"), 0u);
  ASSERT_EQ(world.effects.size(), 4u);
  EXPECT_EQ(world.effects[2].id, "1");
  EXPECT_TRUE(world.effects[2].repeat && world.effects[3].repeat);
  EXPECT_FALSE(world.effects[0].repeat || world.effects[1].repeat);
  EXPECT_EQ(world.effects[2].digest, world.effects[0].digest);
  EXPECT_NE(world.effects[3].digest, world.effects[1].digest);
  EXPECT_EQ(world.stray_effects, 0);
}

TEST(MemoryLedger, FailsAsTheWorldSays) {
  FakePortWorld world;
  MemoryLedger ledger(&world);
  world.outage = true;
  EXPECT_EQ(ledger.Put("1", "a", "x").code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(world.effects.empty());
  EXPECT_TRUE(ledger.entries().empty());
  world.outage = false;
  world.unanswered = 1;
  EXPECT_EQ(ledger.Put("1", "a", "x").code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ledger.entries().at("a").size(), 1u) << "done, and nobody was told";
  EXPECT_TRUE(ledger.Put("1", "a", "x").ok());
  EXPECT_TRUE(world.effects[1].repeat);
}

TEST(MemoryLedger, TheStateIsAFunctionOfTheSet) {
  std::vector<int> order = {0, 1, 2, 3, 4};
  std::map<std::string, std::string> first;
  do {
    MemoryLedger ledger(nullptr);
    for (int i : order) ASSERT_TRUE(ledger.Put(std::to_string(i), i % 2 == 0 ? "a" : "b", "same").ok());
    if (first.empty()) first = StateOf(ledger);
    ASSERT_EQ(StateOf(ledger), first);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(first.size(), 2u);
  MemoryLedger other(nullptr);
  for (int i : order) ASSERT_TRUE(other.Put(std::to_string(i), i % 2 == 0 ? "a" : "b", i == 4 ? "other" : "same").ok());
  EXPECT_NE(StateOf(other)["a"], first["a"]);
  EXPECT_EQ(StateOf(other)["b"], first["b"]);
}

TEST(AddLedger, RegistersPortAndStage) {
  stages::Registry registry;
  ASSERT_TRUE(AddLedger(registry).ok());
  FakePortWorld world;
  stages::Ports ports;
  EXPECT_EQ(registry.FindStage("ledger.put")->make({.name = "put", .ports = &ports}).status().code(),
            absl::StatusCode::kInvalidArgument);
  auto port = registry.FindPort("ledger")->make_simulated({.name = "ledger"}, &world);
  ASSERT_TRUE(port.ok());
  auto* ledger = dynamic_cast<MemoryLedger*>(port->get());
  ports.Add("ledger", std::move(*port));
  auto stage = registry.FindStage("ledger.put")->make({.name = "put", .ports = &ports});
  ASSERT_TRUE(stage.ok()) << stage.status();
  ASSERT_NE(ledger, nullptr);
  EXPECT_TRUE(registry.FindStage("ledger.put")->sink);
}

}  // namespace
}  // namespace millrace::sim
