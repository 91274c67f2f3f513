// The generator knows how many records it broke; exactly those are refused, and every sound one comes through.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "stages/property/address_format.h"
#include "stages/property/checks.h"
#include "stages/property/feed.h"
#include "stages/property/generator.h"
#include "stages/property/record_parser.h"

namespace millrace::property {
namespace {

constexpr uint64_t kRecords = 20'000;
constexpr uint64_t kSeed = 7;

// Runs what the feed reads through parse, validate and address.
class Pipeline : public stages::SourceSink {
 public:
  void Add(const stages::SourceRecord& record) override {
    ++read;
    absl::StatusOr<std::string_view> key = parser_.Parse(record.type, record.body, listing_);
    if (!key.ok()) return Refuse(key.status());
    EXPECT_EQ(record.key, *key) << "the feed's key is that of the record";
    bool changed = false;
    if (absl::Status checked = checks_.Check(listing_, &changed); !checked.ok()) return Refuse(checked);
    formatter_.Standardise(listing_);
    EXPECT_EQ(listing_.address().kind(), StandardAddress::STREET) << listing_.ShortDebugString();
    for (const Money& price : {listing_.list_price(), listing_.close_price()}) {
      const std::string& currency = price.currency();
      EXPECT_EQ(currency, price.minor_units() == 0 ? "" : listing_.country() == "CA" ? "CAD" : "USD");
    }
    ++accepted;
    with_extra += listing_.extra_size() > 0;
    for (const Finding& finding : listing_.finding()) ++findings[finding.field() + ":" + finding.code()];
  }
  void Refuse(const absl::Status& status) {
    const std::string reason(status.message());
    ++refused[reason.substr(0, reason.find("; found"))];
    ++refused_count;
  }

  uint64_t read = 0, accepted = 0, refused_count = 0, with_extra = 0;
  std::map<std::string, int> refused, findings;

 private:
  RecordParser parser_;
  const RecordChecks checks_;
  AddressFormatter formatter_;
  Listing listing_;
};

TEST(GeneratedDataTest, ExactlyTheBrokenRecordsAreRefused) {
  stages::SourceConfig config;
  config.options.Add("generate", std::to_string(kRecords));
  config.options.Add("seed", std::to_string(kSeed));
  absl::StatusOr<std::unique_ptr<PropertyFeed>> feed = PropertyFeed::Open(config);
  ASSERT_TRUE(feed.ok()) << feed.status();
  Pipeline pipeline;
  while (true) {
    absl::StatusOr<bool> more = (*feed)->Read(1'000, pipeline);
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) break;
  }
  const GeneratorCounts expected = Generator({.seed = kSeed, .count = kRecords}).Count();
  for (const auto& [reason, count] : pipeline.refused) RecordProperty(reason.substr(0, 40), count);
  EXPECT_EQ(pipeline.read, kRecords);
  EXPECT_EQ(pipeline.refused_count, expected.broken());
  EXPECT_EQ(pipeline.accepted, kRecords - expected.broken());
  EXPECT_GT(pipeline.with_extra, 0u);
  EXPECT_GT(pipeline.refused.size(), 4u);
  EXPECT_EQ(pipeline.findings, (std::map<std::string, int>{}));
}

}  // namespace
}  // namespace millrace::property
