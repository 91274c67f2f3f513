#include "stages/property/generator.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "bus/digest.h"
#include "nlohmann/json.hpp"

namespace millrace::property {
namespace {

using nlohmann::json;

constexpr GeneratorOptions kOptions{.seed = 7, .count = 8'000, .page_size = 50};

std::string Text(const Generator& generator, uint64_t i) {
  std::string text;
  generator.WriteRecord(i, &text);
  return text;
}

bool IsVersion(GeneratedKind kind) {
  return kind == GeneratedKind::kNew || kind == GeneratedKind::kUpdate || kind == GeneratedKind::kLate;
}

// The same bytes on every machine and compiler, now and later: recorded runs depend on it.
TEST(Generator, DigestIsKnown) {
  const Generator generator({.seed = 7, .count = 1000, .page_size = 100});
  std::string all, page;
  for (uint64_t p = 0; p < generator.pages(); ++p) {
    generator.WritePage(p, &page);
    all += page;
  }
  EXPECT_EQ(bus::Digest64(all), 0xa8c21abb5f5741a7ull);
}

TEST(Generator, ADifferentSeedIsADifferentFeed) {
  std::string a, b;
  Generator({.seed = 1, .count = 100}).WritePage(0, &a);
  Generator({.seed = 2, .count = 100}).WritePage(0, &b);
  EXPECT_NE(a, b);
}

TEST(Generator, PagesAreJsonWithTheirLinks) {
  const Generator generator({.seed = 7, .count = 950, .page_size = 100});
  ASSERT_EQ(generator.pages(), 10u);
  std::string page;
  for (uint64_t p = 0; p < generator.pages(); ++p) {
    generator.WritePage(p, &page);
    if (generator.KindOf(std::min<uint64_t>(p * 100 + 99, 949)) == GeneratedKind::kTruncated) {
      EXPECT_FALSE(json::accept(page));
      continue;
    }
    // Elements with invalid UTF-8 make a strict parser refuse the page: look at those without.
    bool clean = true;
    for (uint64_t i = p * 100; i < std::min<uint64_t>(p * 100 + 100, 950); ++i)
      clean = clean && generator.KindOf(i) != GeneratedKind::kBadUtf8;
    if (!clean) continue;
    const json parsed = json::parse(page);
    EXPECT_EQ(parsed["value"].size(), p == 9 ? 50u : 100u);
    EXPECT_EQ(parsed.contains("@odata.nextLink"), p != 9);
    if (p != 9) {
      EXPECT_EQ(parsed["@odata.nextLink"], Generator::PageName(p + 1));
    }
  }
}

TEST(Generator, CountsAreWhatIsThere) {
  const Generator generator(kOptions);
  const GeneratorCounts counts = generator.Count();
  EXPECT_EQ(counts.records, kOptions.count);
  EXPECT_EQ(counts.listings + counts.updates + counts.late + counts.repeats + counts.broken(), counts.records);
  for (const uint64_t some :
       {counts.updates, counts.late, counts.repeats, counts.wrong_type, counts.unknown_province, counts.bad_postal_code,
        counts.bad_utf8, counts.overflow, counts.truncated, counts.unknown_fields}) {
    EXPECT_GT(some, 0u);
  }
  EXPECT_LT(counts.broken(), counts.records / 25);
  std::set<std::string> versions, keys;
  uint64_t unknown = 0;
  for (uint64_t i = 0; i < kOptions.count; ++i) {
    const GeneratedKind kind = generator.KindOf(i);
    if (!IsVersion(kind) && kind != GeneratedKind::kRepeat) continue;
    const std::string text = Text(generator, i);
    const json record = json::parse(text);
    keys.insert(record["ListingKey"].get<std::string>());
    versions.insert(text);
    unknown += kind != GeneratedKind::kRepeat && record.contains("X_BrokerNote");
  }
  EXPECT_EQ(keys.size(), counts.listings);
  EXPECT_EQ(versions.size(), counts.versions());
  EXPECT_EQ(unknown, counts.unknown_fields);
}

TEST(Generator, KindsAreWhatTheySay) {
  const Generator generator(kOptions);
  std::map<std::string, std::string> newest;  // by key: ModificationTimestamp
  std::set<std::string> seen;
  for (uint64_t i = 0; i < kOptions.count; ++i) {
    const std::string text = Text(generator, i);
    const GeneratedKind kind = generator.KindOf(i);
    switch (kind) {
      case GeneratedKind::kRepeat:
        EXPECT_TRUE(seen.contains(text)) << i;
        break;
      case GeneratedKind::kNew:
      case GeneratedKind::kUpdate:
      case GeneratedKind::kLate: {
        const json record = json::parse(text);
        const std::string key = record["ListingKey"], modified = record["ModificationTimestamp"];
        ASSERT_EQ(modified.size(), 24u);
        auto [it, first] = newest.emplace(key, modified);
        EXPECT_EQ(first, kind == GeneratedKind::kNew) << i;
        if (kind == GeneratedKind::kUpdate) {
          EXPECT_GT(modified, it->second) << i;
        }
        if (kind == GeneratedKind::kLate) {
          EXPECT_LT(modified, it->second) << i;
        }
        it->second = std::max(it->second, modified);
        EXPECT_TRUE(seen.insert(text).second) << "no version twice";
        break;
      }
      case GeneratedKind::kTruncated:
      case GeneratedKind::kBadUtf8:
        EXPECT_FALSE(json::accept(text)) << i;
        break;
      case GeneratedKind::kUnknownProvince:
        EXPECT_EQ(json::parse(text)["StateOrProvince"], "ZZ");
        break;
      case GeneratedKind::kBadPostalCode:
      case GeneratedKind::kWrongType:
      case GeneratedKind::kOverflow:
        EXPECT_TRUE(json::accept(text)) << i;
        break;
    }
  }
}

TEST(Generator, BothCountriesAndFrenchAddresses) {
  const Generator generator({.seed = 3, .count = 2000});
  int us = 0, canada = 0, french = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    if (!IsVersion(generator.KindOf(i))) continue;
    const json record = json::parse(Text(generator, i));
    (record["Country"] == "US" ? us : canada)++;
    french += record["StateOrProvince"] == "QC" &&
              record["UnparsedAddress"].get<std::string>().find(", ") != std::string::npos;
  }
  EXPECT_GT(us, 500);
  EXPECT_GT(canada, 500);
  EXPECT_GT(french, 100);
}

TEST(Generator, EdgesOfCountAndPage) {
  EXPECT_EQ(Generator({.seed = 1, .count = 0}).pages(), 0u);
  std::string page;
  Generator({.seed = 1, .count = 1}).WritePage(0, &page);
  EXPECT_EQ(json::parse(page)["value"].size(), 1u);
  const Generator ones({.seed = 1, .count = 40, .page_size = 1});
  EXPECT_EQ(ones.pages(), 40u);
  EXPECT_EQ(ones.Count().records, 40u);
}

}  // namespace
}  // namespace millrace::property
