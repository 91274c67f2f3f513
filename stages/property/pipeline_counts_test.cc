// What must come of the pipeline's inputs, counted: every record of both real files and of the generator through
// parsing and checks, without a bus.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "stages/property/checks.h"
#include "stages/property/feed.h"
#include "stages/property/feed_csv.h"
#include "stages/property/feed_pages.h"
#include "stages/property/generator.h"
#include "stages/property/record_parser.h"
#include "stages/property/store_port.h"

namespace millrace::property {
namespace {

struct Outcome {
  uint64_t good = 0, bad = 0, flagged = 0;
  std::map<std::string, uint64_t> reasons;
  int32_t most_bedrooms = 0;
};

// "" where the record goes on, else why not.
std::string Judge(RecordParser* parser, const RecordChecks& checks, std::string_view type, std::string_view body,
                  Listing* listing) {
  const auto key = parser->Parse(type, body, *listing);
  if (!key.ok()) return std::string(key.status().message());
  bool changed = false;
  const absl::Status checked = checks.Check(*listing, &changed);
  return checked.ok() ? "" : std::string(checked.message());
}

Outcome JudgeAll(FeedInput* input) {
  RecordParser parser;
  const RecordChecks checks;
  Listing listing;
  Outcome outcome;
  while (true) {
    auto next = input->Next();
    EXPECT_TRUE(next.ok()) << next.status();
    if (!next.ok() || *next == nullptr) return outcome;
    const std::string reason = Judge(&parser, checks, (*next)->type, (*next)->body, &listing);
    if (reason.empty()) {
      ++outcome.good;
      outcome.flagged += listing.finding_size() > 0;
      outcome.most_bedrooms = std::max(outcome.most_bedrooms, listing.bedrooms_total());
    } else {
      ++outcome.bad;
      ++outcome.reasons[reason.substr(0, reason.find("; found"))];
    }
  }
}

// Takes records from the feed, and writes those that pass parsing and checks to a store.
class StoringSink final : public stages::SourceSink {
 public:
  explicit StoringSink(SqliteStore* store) : store_(store) {}
  void Add(const stages::SourceRecord& record) override {
    Kept kept{.id = std::string(record.id), .digest = "0", .body = "", .listing = {}};
    if (!Judge(&parser_, checks_, record.type, record.body, &kept.listing).empty()) {
      refused_permits += record.type == kRawVancouverPermit;
      return;
    }
    kept.body = kept.listing.SerializeAsString();
    kept_.push_back(std::move(kept));
  }
  void Flush() {
    std::vector<StoreRow> rows;
    for (const Kept& kept : kept_) {
      rows.push_back({.id = kept.id,
                      .root = kept.id,
                      .share = "",
                      .message_digest = kept.digest,
                      .listing = &kept.listing,
                      .body = kept.body});
    }
    EXPECT_TRUE(store_->Write(rows).ok());
    for (const StoreRow& row : rows) EXPECT_TRUE(row.status.ok()) << row.status;
    kept_.clear();
  }
  uint64_t refused_permits = 0;

 private:
  struct Kept {
    std::string id, digest, body;
    Listing listing;
  };
  SqliteStore* const store_;
  RecordParser parser_;
  const RecordChecks checks_;
  std::vector<Kept> kept_;
};

TEST(PipelineCounts, KingCountyIsKeptWhole) {
  auto input = CsvInput::Open("k", kKingCountyFormat, "stages/property/data/us_king_county_sales/kc_house_data.csv");
  const Outcome outcome = JudgeAll(input->get());
  EXPECT_EQ(outcome.good, 21'613u);
  for (const auto& [reason, count] : outcome.reasons) ADD_FAILURE() << count << " × " << reason;
  EXPECT_EQ(outcome.most_bedrooms, 33) << "flagged, not dropped";
  EXPECT_GE(outcome.flagged, 14u) << "33 bedrooms once, none 13 times";
}

TEST(PipelineCounts, VancouverLosesItsPlaceholders) {
  auto input =
      CsvInput::Open("v", kVancouverFormat, "stages/property/data/ca_vancouver_building_permits/building_permits.csv");
  const Outcome outcome = JudgeAll(input->get());
  EXPECT_EQ(outcome.good + outcome.bad, 20'680u);
  EXPECT_EQ(outcome.reasons.at("PostalCode: a placeholder, not this address's code"), 843u);
  EXPECT_LT(outcome.bad, 1'000u);
}

// Of the generator's records exactly those are refused that it says it broke.
TEST(PipelineCounts, GeneratedRecordsAreRefusedIffBroken) {
  const GeneratorOptions options{.seed = 7, .count = 20'000};
  const Generator generator(options);
  RecordParser parser;
  const RecordChecks checks;
  Listing listing;
  std::string body;
  uint64_t refused = 0;
  for (uint64_t i = 0; i < options.count; ++i) {
    body.clear();
    generator.WriteRecord(i, &body);
    const GeneratedKind kind = generator.KindOf(i);
    const std::string reason =
        Judge(&parser, checks, kind == GeneratedKind::kTruncated ? kRawPage : kRawReso, body, &listing);
    const bool broken = kind >= GeneratedKind::kWrongType;
    EXPECT_EQ(!reason.empty(), broken) << "record " << i << " of kind " << static_cast<int>(kind) << ": " << reason
                                       << "\n"
                                       << body;
    if (HasFailure()) return;
    refused += !reason.empty();
    if (!reason.empty()) {
      EXPECT_NE(reason.find(": "), std::string::npos) << "names a field: " << reason;
    } else if (kind != GeneratedKind::kRepeat && body.find("X_BrokerNote") != std::string::npos) {
      bool kept = false;
      for (const ExtraField& extra : listing.extra()) kept = kept || extra.name() == "X_BrokerNote";
      EXPECT_TRUE(kept) << "unknown fields are kept";
    }
  }
  EXPECT_EQ(refused, generator.Count().broken());
}

// All of the pipeline's inputs into a store: what is in it follows from the facts about the files and from what the
// generator says it made.
TEST(PipelineCounts, TheStoreHoldsWhatTheInputsSay) {
  stages::SourceConfig config{.name = "feed", .base_dir = "stages/property", .out_dir = "", .options = {}};
  config.options.Add("king_county", "data/us_king_county_sales/kc_house_data.csv");
  config.options.Add("vancouver", "data/ca_vancouver_building_permits/building_permits.csv");
  config.options.Add("generate", "20000");
  config.options.Add("seed", "7");
  auto feed = PropertyFeed::Open(config);
  ASSERT_TRUE(feed.ok()) << feed.status();
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/counts.sqlite";
  auto store = SqliteStore::Open(path, SqliteStore::Sync::kNormal);
  ASSERT_TRUE(store.ok()) << store.status();
  StoringSink sink(store->get());
  while (*(*feed)->Read(512, sink)) sink.Flush();
  sink.Flush();
  ASSERT_TRUE((*store)->Close().ok());

  const GeneratorCounts generated = Generator({.seed = 7, .count = 20'000}).Count();
  uint64_t listings = 0, history = 0;
  ASSERT_TRUE(DumpStore(path, {}, [&](std::string_view line) {
                ++(line.substr(0, 8) == "listing " ? listings : history);
              }).ok());
  const uint64_t permits = 20'680 - sink.refused_permits;
  EXPECT_GE(sink.refused_permits, 843u);
  EXPECT_EQ(listings, 21'613 + permits + generated.listings) << "one row for each sale, permit, listing";
  EXPECT_EQ(history, generated.updates + generated.late);
  const StoreCounts counts = (*store)->counts();
  EXPECT_EQ(counts.repeated + counts.superseded + counts.stored, 21'613 + permits + 20'000 - generated.broken());
  EXPECT_EQ(counts.duplicates, 0u);

  // 176 properties were sold more than once: their sales are rows of their own under one property.
  auto db = SqliteDb::Open(path, SqliteDb::Mode::kReadOnly);
  auto properties = (*db)->Prepare("SELECT count(DISTINCT property_id) FROM listings WHERE kind = 'sale'");
  ASSERT_TRUE(properties.ok() && *properties->Step());
  EXPECT_EQ(properties->Integer(0), 21'436);
}

}  // namespace
}  // namespace millrace::property
