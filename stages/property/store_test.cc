#include "stages/property/store.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bus/digest.h"
#include "bus/envelope.h"
#include "stages/property/message_types.h"

namespace millrace::property {
namespace {

std::string NewFolder(const std::string& name) {
  const std::string folder = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

// A record with everything a row views.
struct Record {
  std::string id, share, digest, body;
  Listing listing;
};

Record MakeRecord(const std::string& id, const std::string& key, int64_t modified, const std::string& text) {
  Record record{.id = id, .share = "", .digest = "", .body = "", .listing = {}};
  record.listing.mutable_origin()->set_system("test");
  record.listing.mutable_origin()->set_kind(Origin::LISTING);
  record.listing.set_listing_key(key);
  record.listing.set_modification_timestamp_us(modified);
  record.listing.set_public_remarks(text);
  record.listing.mutable_list_price()->set_minor_units(modified * 100);
  record.listing.mutable_list_price()->set_currency("CAD");
  record.body = record.listing.SerializeAsString();
  record.digest = std::string(16, '0');
  bus::WriteHex(bus::Digest64(record.body), record.digest.data());
  return record;
}

StoreRow RowOf(const Record& record) {
  return {.id = record.id,
          .root = record.id,
          .share = record.share,
          .message_digest = record.digest,
          .listing = &record.listing,
          .body = record.body};
}

absl::Status Write(SqliteStore* store, const std::vector<Record>& records, size_t batch = 512) {
  for (size_t at = 0; at < records.size(); at += batch) {
    std::vector<StoreRow> rows;
    for (size_t i = at; i < std::min(records.size(), at + batch); ++i) rows.push_back(RowOf(records[i]));
    if (absl::Status written = store->Write(rows); !written.ok()) return written;
    for (const StoreRow& row : rows) {
      if (!row.status.ok()) return row.status;
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> Dump(const std::string& path, bool receipts = true) {
  std::vector<std::string> lines;
  const absl::Status dumped =
      DumpStore(path, {.receipts = receipts}, [&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_TRUE(dumped.ok()) << dumped;
  return lines;
}

std::unique_ptr<SqliteStore> OpenStore(const std::string& path) {
  auto store = SqliteStore::Open(path, SqliteStore::Sync::kNormal);
  EXPECT_TRUE(store.ok()) << store.status();
  return std::move(*store);
}

int64_t Count(const std::string& path, const std::string& sql) {
  auto db = SqliteDb::Open(path, SqliteDb::Mode::kReadOnly);
  auto statement = (*db)->Prepare("SELECT count(*) FROM " + sql);
  EXPECT_TRUE(statement.ok()) << statement.status();
  EXPECT_TRUE(*statement->Step());
  return statement->Integer(0);
}

TEST(SqliteStore, TheGreatestVersionIsCurrentAndAllAreKept) {
  const std::string path = NewFolder("greatest") + "/s.sqlite";
  auto store = OpenStore(path);
  ASSERT_TRUE(Write(store.get(), {MakeRecord("1", "a", 10, "first"), MakeRecord("2", "a", 30, "third"),
                                  MakeRecord("3", "a", 20, "late"), MakeRecord("4", "b", 10, "other"),
                                  MakeRecord("5", "a", 30, "third")})
                  .ok());
  EXPECT_EQ(store->counts().stored, 3u);
  EXPECT_EQ(store->counts().superseded, 1u);
  EXPECT_EQ(store->counts().repeated, 1u);
  ASSERT_TRUE(store->Close().ok());
  EXPECT_FALSE(std::filesystem::exists(path + "-wal")) << "one file is left";
  EXPECT_EQ(Count(path, "listings"), 2);
  EXPECT_EQ(Count(path, "history"), 2);
  EXPECT_EQ(Count(path, "versions WHERE listing_key = 'a'"), 3);
  EXPECT_EQ(
      Count(path, "listings WHERE listing_key = 'a' AND modified_us = 30 AND price_minor = 3000 AND currency = 'CAD'"),
      1);
  EXPECT_EQ(Count(path, "receipts"), 5);
  EXPECT_EQ(store->Write({}).code(), absl::StatusCode::kUnavailable) << "closed";
}

TEST(SqliteStore, AMessageThatComesAgainDoesNothing) {
  const std::string path = NewFolder("again") + "/s.sqlite";
  const std::vector<Record> records = {MakeRecord("1", "a", 10, "x"), MakeRecord("2", "a", 20, "y")};
  auto store = OpenStore(path);
  ASSERT_TRUE(Write(store.get(), records).ok());
  const std::vector<std::string> before = Dump(path);
  ASSERT_TRUE(Write(store.get(), records).ok());
  EXPECT_EQ(store->counts().duplicates, 2u);
  EXPECT_EQ(store->counts().alarms, 0u);
  // In one batch, and after a restart.
  store = nullptr;
  store = OpenStore(path);
  ASSERT_TRUE(Write(store.get(), {records[1], records[0], records[1]}).ok());
  EXPECT_EQ(store->counts().duplicates, 3u);
  EXPECT_EQ(Dump(path), before);
}

TEST(SqliteStore, OneIdWithTwoContentsIsAnAlarmAndNotApplied) {
  const std::string path = NewFolder("alarm") + "/s.sqlite";
  auto store = OpenStore(path);
  ASSERT_TRUE(Write(store.get(), {MakeRecord("1", "a", 10, "x")}).ok());
  const std::vector<std::string> before = Dump(path);
  ASSERT_TRUE(Write(store.get(), {MakeRecord("1", "a", 99, "another")}).ok());
  ASSERT_TRUE(Write(store.get(), {MakeRecord("1", "a", 99, "another")}).ok());
  EXPECT_EQ(store->counts().alarms, 2u);
  EXPECT_EQ(Count(path, "alarms"), 1);
  EXPECT_EQ(Dump(path), before);
}

TEST(SqliteStore, ReceiptsAreRead) {
  const std::string path = NewFolder("receipts") + "/s.sqlite";
  auto store = OpenStore(path);
  Record part = MakeRecord("1", "a", 10, "x");
  part.share = ".1/2";
  ASSERT_TRUE(Write(store.get(), {part, MakeRecord("2", "a", 5, "y"), MakeRecord("3", "a", 10, "x")}).ok());
  const auto read = [&] {
    std::map<std::string, std::string> found;
    EXPECT_TRUE(store
                    ->ForEachReceipt([&](const stages::Receipt& r) {
                      found[std::string(r.id)] =
                          std::string(r.reason) + "|" + std::string(r.root) + "|" + std::string(r.share);
                      EXPECT_EQ(r.digest.size(), 16u);
                    })
                    .ok());
    return found;
  };
  const std::map<std::string, std::string> expected = {
      {"1", "stored|1|.1/2"}, {"2", "superseded|2|"}, {"3", "repeated|3|"}};
  EXPECT_EQ(read(), expected);
  ASSERT_TRUE(store->Close().ok());
  EXPECT_EQ(read(), expected) << "also after Close";
}

// The content is a function of the set of records: any order, any repeats, any batches give the same rows.
TEST(SqliteStore, ContentIsAFunctionOfTheSet) {
  int round = 0;
  const bool holds = rc::check([&] {
    std::vector<Record> records;
    const int count = *rc::gen::inRange(0, 30);
    for (int i = 0; i < count; ++i) {
      const std::string key(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)));
      // Few different times and texts, so that ties and repeats are common.
      records.push_back(MakeRecord(std::to_string(i), key, *rc::gen::inRange(0, 4),
                                   std::string(1, static_cast<char>('x' + *rc::gen::inRange(0, 2)))));
    }
    std::vector<Record> shuffled = records;
    if (count > 0) {
      for (int extra = *rc::gen::inRange(0, 10); extra > 0; --extra)
        shuffled.push_back(records[static_cast<size_t>(*rc::gen::inRange(0, count))]);
    }
    for (size_t i = shuffled.size(); i > 1; --i)
      std::swap(shuffled[i - 1], shuffled[static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(i)))]);

    const std::string folder = NewFolder("set" + std::to_string(round++ % 4));
    auto one = OpenStore(folder + "/one.sqlite"), other = OpenStore(folder + "/other.sqlite");
    RC_ASSERT(Write(one.get(), records).ok());
    RC_ASSERT(Write(other.get(), shuffled, static_cast<size_t>(*rc::gen::inRange(1, 8))).ok());
    RC_ASSERT(Dump(folder + "/one.sqlite") == Dump(folder + "/other.sqlite"));
    const StoreCounts counts = other->counts();
    RC_ASSERT(counts.stored + counts.superseded + counts.repeated == records.size());
    RC_ASSERT(counts.duplicates == shuffled.size() - records.size());
  });
  EXPECT_TRUE(holds);
}

TEST(SqliteStore, AFullDiskIsAnOutageAndNothingOfTheBatchIsThere) {
  const std::string path = NewFolder("full") + "/s.sqlite";
  auto store = OpenStore(path);
  ASSERT_TRUE(Write(store.get(), {MakeRecord("1", "a", 10, "x")}).ok());
  const std::vector<std::string> before = Dump(path);
  std::vector<Record> many;
  for (int i = 0; i < 2000; ++i)
    many.push_back(MakeRecord("m" + std::to_string(i), "k" + std::to_string(i), i, std::string(1000, 't')));
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{.rlim_cur = 200'000, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status full = Write(store.get(), many, many.size());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(full.code(), absl::StatusCode::kUnavailable) << full;
  EXPECT_NE(std::string(full.message()).find(path), std::string::npos) << full;
  EXPECT_EQ(Dump(path), before);
  ASSERT_TRUE(Write(store.get(), many).ok()) << "room again";
  EXPECT_EQ(Count(path, "receipts"), 2001);
}

TEST(SqliteStore, ALockedDatabaseIsAnOutage) {
  const std::string path = NewFolder("busy") + "/s.sqlite";
  auto store = OpenStore(path);
  auto other = SqliteDb::Open(path, SqliteDb::Mode::kReadWrite);
  ASSERT_TRUE((*other)->Execute("BEGIN IMMEDIATE").ok());
  EXPECT_EQ(Write(store.get(), {MakeRecord("1", "a", 10, "x")}).code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE((*other)->Execute("ROLLBACK").ok());
  EXPECT_TRUE(Write(store.get(), {MakeRecord("1", "a", 10, "x")}).ok());
}

TEST(SqliteStore, AKilledProcessLeavesWholeBatches) {
  const std::string path = NewFolder("killed") + "/s.sqlite", copy = NewFolder("killed_copy") + "/s.sqlite";
  auto store = OpenStore(path);
  ASSERT_TRUE(Write(store.get(), {MakeRecord("1", "a", 10, "x"), MakeRecord("2", "b", 10, "x")}).ok());
  // What lies on the disk at this moment, log and all, without the store having been closed.
  std::filesystem::copy_file(path, copy);
  std::filesystem::copy_file(path + "-wal", copy + "-wal");
  auto survivor = OpenStore(copy);
  EXPECT_EQ(Dump(copy), Dump(path));
  EXPECT_TRUE(Write(survivor.get(), {MakeRecord("2", "b", 10, "x"), MakeRecord("3", "b", 11, "y")}).ok());
  EXPECT_EQ(survivor->counts().duplicates, 1u);
}

TEST(SqliteStore, WhatIsNoStoreIsRefused) {
  const std::string folder = NewFolder("foreign");
  EXPECT_EQ(SqliteStore::Open(folder + "/no/s.sqlite", SqliteStore::Sync::kFull).status().code(),
            absl::StatusCode::kNotFound);
  {
    auto db = SqliteDb::Open(folder + "/other.sqlite", SqliteDb::Mode::kReadWrite);
    ASSERT_TRUE((*db)->Execute("CREATE TABLE mine (x)").ok());
  }
  EXPECT_EQ(SqliteStore::Open(folder + "/other.sqlite", SqliteStore::Sync::kFull).status().code(),
            absl::StatusCode::kFailedPrecondition);
  FILE* text = fopen((folder + "/text").c_str(), "w");
  for (int i = 0; i < 200; ++i) fputs("this is no database at all\n", text);
  fclose(text);
  const absl::Status status = SqliteStore::Open(folder + "/text", SqliteStore::Sync::kFull).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

TEST(SqliteStore, SeveralMayOpenANewStoreAtTheSameMoment) {
  for (int round = 0; round < 40; ++round) {
    const std::string path = NewFolder("together" + std::to_string(round)) + "/s.sqlite";
    std::vector<absl::Status> opened(6);
    std::vector<std::thread> threads;
    std::latch together(static_cast<std::ptrdiff_t>(opened.size()));
    for (absl::Status& status : opened) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        status = SqliteStore::Open(path, SqliteStore::Sync::kNormal).status();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const absl::Status& status : opened) EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(SqliteStore, ManyThreadsMayWrite) {
  const std::string path = NewFolder("threads") + "/s.sqlite";
  auto store = OpenStore(path);
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Record> records;
      for (int i = 0; i < 200; ++i)
        records.push_back(MakeRecord(std::to_string(t) + "-" + std::to_string(i), std::to_string(i), t, "x"));
      if (!Write(store.get(), records, 20).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Count(path, "listings WHERE modified_us = 3"), 200);
  EXPECT_EQ(Count(path, "history"), 600);
}

// ---------------------------------------------------------------- the stage

class FakeStore final : public ListingStore {
 public:
  absl::Status Write(std::span<StoreRow> rows) override {
    seen += rows.size();
    for (StoreRow& row : rows) {
      if (row.listing->listing_key() == "bad") row.status = absl::InternalError("constraint");
    }
    return outcome;
  }
  StoreCounts counts() const override { return {}; }
  absl::Status ForEachReceipt(const std::function<void(const stages::Receipt&)>&) override { return absl::OkStatus(); }
  absl::Status outcome;
  size_t seen = 0;
};

class NoClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  WallTime Wall() const override { return {}; }
};

// Runs the stage over bodies (of the Listing type unless `type` says otherwise) and gives the statuses.
std::vector<absl::Status> RunStage(ListingStore* store, const std::vector<std::string>& bodies,
                                   std::string_view type = kListingType) {
  NoClock clock;
  const Random random(1);
  bus::SegmentPool pool(1 << 16);
  stages::OutputArena arena(&pool);
  const stages::OutputSettings settings{.stage = "store", .source = "/t/store", .outputs = {}};
  std::vector<stages::Context::Input> inputs;
  for (size_t i = 0; i < bodies.size(); ++i) inputs.push_back({.id = "id", .root = "root", .share = ""});
  bus::HeaderBuilder headers;
  headers.Add(bus::kHeaderType, type);
  std::vector<bus::Message> messages;
  for (const std::string& body : bodies) messages.push_back({.key = "k", .body = body, .headers = headers.View()});
  std::vector<std::unique_ptr<stages::Context>> contexts;
  std::vector<std::unique_ptr<stages::Outputs>> outputs;
  std::vector<stages::BatchItem> items;
  for (size_t i = 0; i < bodies.size(); ++i) {
    contexts.push_back(std::make_unique<stages::Context>(inputs[i], clock, random, i, nullptr));
    outputs.push_back(std::make_unique<stages::Outputs>(settings, arena));
    items.push_back({*contexts[i], messages[i], *outputs[i], absl::UnknownError("not set")});
  }
  StoreStage stage(store);
  stage.Process(items);
  std::vector<absl::Status> statuses;
  for (const stages::BatchItem& item : items) statuses.push_back(item.status);
  return statuses;
}

TEST(StoreStage, AStatusForEachMessage) {
  FakeStore store;
  Listing no_time = MakeRecord("1", "a", 1, "x").listing;
  no_time.clear_modification_timestamp_us();
  const std::vector<absl::Status> statuses = RunStage(
      &store, {MakeRecord("1", "a", 1, "x").body, "\xff not protobuf", MakeRecord("2", "bad", 1, "x").body,
               MakeRecord("3", "", 1, "x").body, no_time.SerializeAsString(), MakeRecord("4", "b", 1, "x").body});
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(statuses[2].code(), absl::StatusCode::kInternal);
  EXPECT_EQ(statuses[3].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(statuses[4].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(statuses[5].ok());
  EXPECT_EQ(store.seen, 3u);
  EXPECT_EQ(RunStage(&store, {"x"}, "another.type")[0].code(), absl::StatusCode::kInvalidArgument);
}

TEST(StoreStage, AnOutageOfTheStoreIsTheStatusOfAll) {
  FakeStore store;
  store.outcome = absl::UnavailableError("disk full");
  for (const absl::Status& status :
       RunStage(&store, {MakeRecord("1", "a", 1, "x").body, MakeRecord("2", "bad", 1, "x").body})) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  }
}

TEST(AddStore, RegistersAndRefusesWrongOptions) {
  stages::Registry registry;
  ASSERT_TRUE(AddStore(registry).ok());
  const stages::PortKind* port = registry.FindPort("sqlite");
  ASSERT_NE(port, nullptr);
  stages::PortConfig config{.name = "store", .base_dir = "", .out_dir = NewFolder("registered"), .options = {}};
  auto made = port->make(config);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(std::filesystem::exists(config.out_dir + "/listings.sqlite"));
  config.options.Add("synchronous", "sometimes");
  EXPECT_EQ(port->make(config).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(port->make({.name = "store"}).status().code(), absl::StatusCode::kInvalidArgument);

  const stages::StageKind* stage = registry.FindStage("property.store");
  ASSERT_NE(stage, nullptr);
  EXPECT_TRUE(stage->sink);
  stages::Ports ports;
  stages::StageConfig stage_config{.name = "store", .base_dir = "", .out_dir = "", .options = {}, .ports = &ports};
  EXPECT_EQ(stage->make_batch(stage_config).status().code(), absl::StatusCode::kInvalidArgument) << "no port";
  ports.Add("store", std::move(*made));
  EXPECT_TRUE(stage->make_batch(stage_config).ok());
}

}  // namespace
}  // namespace millrace::property
