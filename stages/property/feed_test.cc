#include "stages/property/feed.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "stages/durable_file.h"
#include "stages/property/generator.h"

namespace millrace::property {
namespace {

struct Got {
  std::string id, type, position;
  bool operator==(const Got&) const = default;
};

class Collector final : public stages::SourceSink {
 public:
  void Add(const stages::SourceRecord& record) override {
    got.push_back({std::string(record.id), std::string(record.type), std::string(record.position)});
  }
  std::vector<Got> got;
};

stages::SourceConfig Config(const std::vector<std::pair<std::string, std::string>>& options) {
  stages::SourceConfig config{.name = "feed", .base_dir = "stages/property", .out_dir = "", .options = {}};
  for (const auto& [key, value] : options) config.options.Add(key, value);
  return config;
}

std::vector<Got> ReadAll(PropertyFeed* feed, size_t at_once = 1000) {
  Collector collector;
  while (true) {
    const size_t before = collector.got.size();
    auto more = feed->Read(at_once, collector);
    EXPECT_TRUE(more.ok()) << more.status();
    EXPECT_LE(collector.got.size() - before, at_once);
    if (!more.ok() || !*more) return collector.got;
  }
}

const std::vector<std::pair<std::string, std::string>> kAll = {
    {"king_county", "data/us_king_county_sales/kc_house_data.csv"},
    {"vancouver", "data/ca_vancouver_building_permits/building_permits.csv"},
    {"generate", "20000"},
    {"seed", "7"}};

TEST(PropertyFeed, AllInputsInTurnEachRecordOnce) {
  auto feed = PropertyFeed::Open(Config(kAll));
  ASSERT_TRUE(feed.ok()) << feed.status();
  const std::vector<Got> all = ReadAll(feed->get());
  EXPECT_EQ(all.size(), 21'613u + 20'680 + 20'000);
  std::set<std::string> ids;
  std::map<std::string, uint64_t> types;
  for (const Got& got : all) {
    ids.insert(got.id);
    ++types[got.type];
  }
  EXPECT_EQ(ids.size(), all.size());
  const GeneratorCounts counts = Generator({.seed = 7, .count = 20'000}).Count();
  EXPECT_EQ(types[std::string(kRawKingCounty)], 21'613u);
  EXPECT_EQ(types[std::string(kRawVancouverPermit)], 20'680u);
  EXPECT_EQ(types[std::string(kRawReso)], 20'000 - counts.truncated);
  EXPECT_EQ(types[std::string(kRawPage)], counts.truncated);
  EXPECT_EQ(std::set<std::string>({all[0].type, all[1].type, all[2].type}).size(), 3u) << "in turn";
  EXPECT_EQ((*feed)->Progress(), 1.0);
  // The same again, however it is read.
  ASSERT_TRUE((*feed)->Seek("").ok());
  EXPECT_TRUE(ReadAll(feed->get(), 7) == all);
}

TEST(PropertyFeed, GoesOnFromAnyPosition) {
  auto feed = PropertyFeed::Open(Config(kAll));
  ASSERT_TRUE(feed.ok());
  const std::vector<Got> all = ReadAll(feed->get());
  for (const size_t at :
       {size_t{0}, size_t{1}, size_t{30'000}, size_t{60'500}, size_t{62'000}, all.size() - 2, all.size() - 1}) {
    auto again = PropertyFeed::Open(Config(kAll));
    ASSERT_TRUE((*again)->Seek(all[at].position).ok()) << all[at].position;
    const std::vector<Got> rest = ReadAll(again->get());
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + static_cast<ptrdiff_t>(at) + 1, all.end())) << at;
  }
}

TEST(PropertyFeed, OtherInputsAreNotGoneOnWith) {
  auto feed = PropertyFeed::Open(Config({{"generate", "10"}, {"seed", "1"}}));
  const std::string position = ReadAll(feed->get())[3].position;
  EXPECT_EQ((*PropertyFeed::Open(Config({{"generate", "10"}, {"seed", "2"}})))->Seek(position).code(),
            absl::StatusCode::kInvalidArgument);
  auto more = PropertyFeed::Open(Config({{"generate", "10"}, {"seed", "1"}, kAll[0]}));
  EXPECT_EQ((*more)->Seek(position).code(), absl::StatusCode::kInvalidArgument);
  for (const std::string junk : {"x", "0", "9;generate=", "0;generate", "0;generate=1", "0;other=;"})
    EXPECT_FALSE((*feed)->Seek(junk).ok()) << junk;
  EXPECT_TRUE((*feed)->Seek(position).ok());
}

TEST(PropertyFeed, InputIsToldByItsContent) {
  const std::string folder = getenv("TEST_TMPDIR");
  ASSERT_TRUE(stages::WriteFileAtomically(folder + "/a", " {\"value\":[{}]}").ok());
  ASSERT_TRUE(stages::WriteFileAtomically(folder + "/b", "a,b,c\n").ok());
  auto feed = PropertyFeed::Open(Config(
      {{"input", kAll[0].second}, {"input", kAll[1].second}, {"input", folder + "/a"}, {"input", folder + "/a"}}));
  ASSERT_TRUE(feed.ok()) << feed.status();
  const std::vector<Got> all = ReadAll(feed->get());
  ASSERT_EQ(all.size(), 21'613u + 20'680 + 2);
  EXPECT_EQ(all[0].id.substr(0, 12), "king_county:");
  EXPECT_EQ(all[2].id.substr(0, 7), "reso:a:");
  EXPECT_EQ(all[3].id.substr(0, 9), "reso.2:a:") << "ids differ between inputs with the same content";
  const auto unknown = PropertyFeed::Open(Config({{"input", folder + "/b"}}));
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(unknown.status().message()).find("expected a CSV file with the header"), std::string::npos)
      << unknown.status();
}

TEST(PropertyFeed, WrongOptionsAreSaidClearly) {
  EXPECT_NE(std::string(PropertyFeed::Open(Config({})).status().message()).find("reads nothing"), std::string::npos);
  EXPECT_EQ(PropertyFeed::Open(Config({{"king_county", "none.csv"}})).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(PropertyFeed::Open(Config({{"king_county", kAll[1].second}})).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PropertyFeed::Open(Config({{"king_county", ""}})).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PropertyFeed::Open(Config({{"generate", "many"}})).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PropertyFeed::Open(Config({{"generate", "5"}, {"page_size", "0"}})).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PropertyFeed, IsRegistered) {
  stages::Registry registry;
  ASSERT_TRUE(AddFeed(registry).ok());
  const stages::SourceKind* kind = registry.FindSource("property.feed");
  ASSERT_NE(kind, nullptr);
  EXPECT_TRUE(kind->make(Config({{"generate", "1"}})).ok());
  EXPECT_FALSE(AddFeed(registry).ok()) << "twice";
}

}  // namespace
}  // namespace millrace::property
