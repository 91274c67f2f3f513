#include "stages/property/store_simulated.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bus/digest.h"
#include "stages/property/store.h"
#include "stages/testing/fake_port_world.h"

namespace millrace::property {
namespace {

struct Record {
  std::string id, share, digest, body;
  Listing listing;
};

Record MakeRecord(const std::string& id, const std::string& key, int64_t modified, const std::string& text) {
  Record record{.id = id, .share = "", .digest = "", .body = "", .listing = {}};
  record.listing.mutable_origin()->set_system("test");
  record.listing.set_listing_key(key);
  record.listing.set_modification_timestamp_us(modified);
  record.listing.set_public_remarks(text);
  record.body = record.listing.SerializeAsString();
  record.digest = std::string(16, '0');
  bus::WriteHex(bus::Digest64(record.body), record.digest.data());
  return record;
}

std::vector<StoreRow> RowsOf(const std::vector<Record>& records) {
  std::vector<StoreRow> rows;
  for (const Record& record : records) {
    rows.push_back({.id = record.id,
                    .root = record.id,
                    .share = record.share,
                    .message_digest = record.digest,
                    .listing = &record.listing,
                    .body = record.body});
  }
  return rows;
}

absl::Status Write(ListingStore* store, const std::vector<Record>& records) {
  std::vector<StoreRow> rows = RowsOf(records);
  return store->Write(rows);
}

// Through the registry, as a pipeline gets it.
std::unique_ptr<stages::Port> MakePort(stages::PortWorld* world) {
  stages::Registry registry;
  EXPECT_TRUE(AddStore(registry).ok());
  auto port = registry.FindPort("sqlite")->make_simulated({.name = "store"}, world);
  EXPECT_TRUE(port.ok()) << port.status();
  return std::move(*port);
}

ListingStore* StoreOf(stages::Port* port) { return dynamic_cast<ListingStore*>(port); }

std::map<std::string, std::string> StateOf(stages::Port* port) {
  std::map<std::string, std::string> state;
  auto* keeper = dynamic_cast<stages::PortState*>(port);
  EXPECT_NE(keeper, nullptr);
  keeper->ForEachState([&](std::string_view key, std::string_view value) {
    EXPECT_TRUE(state.emplace(key, value).second) << "twice: " << key;
  });
  return state;
}

TEST(SimulatedStore, AnEffectForEachRowAndRepeatsAreRecognised) {
  stages::FakePortWorld world;
  auto port = MakePort(&world);
  ListingStore* store = StoreOf(port.get());
  const Record first = MakeRecord("1", "a", 10, "x"), second = MakeRecord("2", "a", 20, "y");
  ASSERT_TRUE(Write(store, {first, second}).ok());
  ASSERT_TRUE(Write(store, {second, MakeRecord("3", "b", 1, "z")}).ok());
  EXPECT_EQ(world.calls, std::vector<std::string>({"write", "write"}));
  ASSERT_EQ(world.effects.size(), 4u);
  const std::vector<std::string> ids = {"1", "2", "2", "3"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(world.effects[i].id, ids[i]);
    EXPECT_EQ(world.effects[i].repeat, i == 2) << i;
    EXPECT_TRUE(world.effects[i].ends);
  }
  EXPECT_EQ(world.effects[1].digest, bus::Digest64(second.body)) << "the message's, read from its hexadecimal digits";
  EXPECT_EQ(world.effects[2].digest, world.effects[1].digest);
  EXPECT_EQ(world.inside, 0);
  EXPECT_EQ(world.stray_effects, 0);
  EXPECT_EQ(store->counts().duplicates, 1u);
}

TEST(SimulatedStore, AnotherContentUnderOneIdIsARepeatWithAnotherDigest) {
  stages::FakePortWorld world;
  auto port = MakePort(&world);
  ASSERT_TRUE(Write(StoreOf(port.get()), {MakeRecord("1", "a", 10, "x")}).ok());
  const auto before = StateOf(port.get());
  ASSERT_TRUE(Write(StoreOf(port.get()), {MakeRecord("1", "a", 99, "another")}).ok());
  EXPECT_TRUE(world.effects[1].repeat);
  EXPECT_NE(world.effects[1].digest, world.effects[0].digest);
  EXPECT_EQ(StoreOf(port.get())->counts().alarms, 1u);
  EXPECT_EQ(StateOf(port.get()), before);
}

TEST(SimulatedStore, AnOutageWritesNothing) {
  stages::FakePortWorld world;
  auto port = MakePort(&world);
  world.outage = true;
  EXPECT_EQ(Write(StoreOf(port.get()), {MakeRecord("1", "a", 10, "x")}).code(), absl::StatusCode::kUnavailable);
  world.outage = false;
  world.dead = true;
  EXPECT_EQ(Write(StoreOf(port.get()), {MakeRecord("1", "a", 10, "x")}).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(world.effects.empty());
  EXPECT_TRUE(StateOf(port.get()).empty());
}

TEST(SimulatedStore, AppliedAndNotAnsweredIsARepeatTheNextTime) {
  stages::FakePortWorld world;
  auto port = MakePort(&world);
  world.unanswered = 1;
  const Record record = MakeRecord("1", "a", 10, "x");
  EXPECT_EQ(Write(StoreOf(port.get()), {record}).code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_EQ(world.effects.size(), 1u);
  EXPECT_FALSE(world.effects[0].repeat);
  const auto state = StateOf(port.get());
  EXPECT_EQ(state.size(), 2u) << "one record, one receipt";
  ASSERT_TRUE(Write(StoreOf(port.get()), {record}).ok());
  EXPECT_TRUE(world.effects[1].repeat);
  EXPECT_EQ(StateOf(port.get()), state);
}

TEST(SimulatedStore, OutlivesThoseWhoCloseIt) {
  stages::FakePortWorld world;
  auto port = MakePort(&world);
  ASSERT_TRUE(Write(StoreOf(port.get()), {MakeRecord("1", "a", 10, "x")}).ok());
  ASSERT_TRUE(port->Close().ok());
  EXPECT_TRUE(Write(StoreOf(port.get()), {MakeRecord("2", "a", 11, "x")}).ok());
  size_t receipts = 0;
  ASSERT_TRUE(StoreOf(port.get())->ForEachReceipt([&](const stages::Receipt&) { ++receipts; }).ok());
  EXPECT_EQ(receipts, 2u);
}

TEST(SimulatedStore, NothingOfOneRunIsThereInTheNext) {
  stages::FakePortWorld world;
  const Record record = MakeRecord("1", "a", 10, "x");
  for (int run = 0; run < 3; ++run) {
    auto port = MakePort(&world);
    EXPECT_TRUE(StateOf(port.get()).empty());
    ASSERT_TRUE(Write(StoreOf(port.get()), {record, MakeRecord("2", "a", 5, "x"), MakeRecord("1", "a", 1, "y")}).ok());
    EXPECT_FALSE(world.effects[0].repeat);
    EXPECT_EQ(StoreOf(port.get())->counts().stored, 1u);
    EXPECT_EQ(StoreOf(port.get())->counts().alarms, 1u);
    EXPECT_EQ(StateOf(port.get()).size(), 3u);
    world.effects.clear();
  }
}

TEST(SimulatedStore, CallsInterleaveWhereTheyWait) {
  stages::FakePortWorld world;
  auto port = MakePort(&world);
  ListingStore* store = StoreOf(port.get());
  const Record record = MakeRecord("1", "a", 10, "x");
  // While one call is on its way another attempt of the same message is carried out.
  world.on_enter = [&] { EXPECT_TRUE(Write(store, {record}).ok()); };
  ASSERT_TRUE(Write(store, {record}).ok());
  ASSERT_EQ(world.effects.size(), 2u);
  EXPECT_FALSE(world.effects[0].repeat);
  EXPECT_TRUE(world.effects[1].repeat);
}

TEST(SimulatedStore, TheStateIsAFunctionOfTheSet) {
  std::vector<Record> records;
  // Ties in time, repeats of content under other ids, late versions.
  for (int i = 0; i < 7; ++i) {
    records.push_back(
        MakeRecord(std::to_string(i), i % 3 == 0 ? "a" : "b", i % 2, std::string(1, static_cast<char>('x' + i % 2))));
  }
  std::sort(records.begin(), records.end(), [](const Record& x, const Record& y) { return x.id < y.id; });
  std::map<std::string, std::string> first;
  size_t orders = 0;
  do {
    if (++orders % 20 != 1) continue;
    stages::FakePortWorld world;
    auto port = MakePort(&world);
    for (const Record& record : records) ASSERT_TRUE(Write(StoreOf(port.get()), {record}).ok());
    ASSERT_TRUE(Write(StoreOf(port.get()), records).ok());
    if (first.empty()) first = StateOf(port.get());
    ASSERT_EQ(StateOf(port.get()), first) << orders;
  } while (std::next_permutation(records.begin(), records.end(),
                                 [](const Record& x, const Record& y) { return x.id < y.id; }));
  EXPECT_EQ(orders, 5040u);
  EXPECT_EQ(first.size(), 2u + 7u);
  EXPECT_EQ(first.count("listing test/a"), 1u);
  EXPECT_EQ(first["listing test/b"].find("1 "), 0u) << first["listing test/b"];

  stages::FakePortWorld world;
  auto other = MakePort(&world);
  ASSERT_TRUE(Write(StoreOf(other.get()), {MakeRecord("0", "a", 0, "x")}).ok());
  EXPECT_NE(StateOf(other.get())["listing test/a"], first["listing test/a"]) << "versions are missing";
}

TEST(SimulatedStore, OptionsAreCheckedAsTheRealOnesAre) {
  stages::FakePortWorld world;
  stages::Registry registry;
  ASSERT_TRUE(AddStore(registry).ok());
  stages::PortConfig config{.name = "store"};
  config.options.Add("synchronous", "sometimes");
  EXPECT_EQ(registry.FindPort("sqlite")->make_simulated(config, &world).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace::property
