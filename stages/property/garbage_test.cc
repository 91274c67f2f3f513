// Input of any kind: it may be refused, with a field and a reason; it may not crash, and what is accepted is a valid
// message.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bus/random.h"
#include "stages/property/address_format.h"
#include "stages/property/checks.h"
#include "stages/property/message_types.h"
#include "stages/property/record_parser.h"

namespace millrace::property {
namespace {

constexpr std::string_view kTypes[] = {kRawKingCounty, kRawVancouverPermit, kRawReso, kRawPage};
constexpr uint64_t kSalt = 3;

const std::string kSeeds[] = {
    R"("7237550310","20140512T000000",1.225e+006,4,4.25,5420,101930,"1",0,0,3,11,3890,1530,2001,0,"98053",47.6561,-122.005,4760,101930)",
    R"(DB-2017-00131,2017-02-01,35000,Addition,"88 W PENDER STREET #5, Vancouver, BC V6B 6N9","Office Uses,Retail Uses",Store,2017,541)",
    R"({"ListingKey":"L1","ListPrice":499000.5,"StandardStatus":"Active","ModificationTimestamp":"2024-05-01T12:00:00Z","City":"Montr\u00e9al","StateOrProvince":"QC",
        "PostalCode":"H3Z 2Y7","StreetName":"Saint-Denis","StreetSuffix":"Rue","StreetNumber":"12","Media":[{"Order":0}],"Latitude":45.5,"Longitude":-73.5,"Unknown":null})",
    R"({"@odata.context":"x","value":[{"ListingKey":"1"},{"ListingKey":"2"}],"@odata.nextLink":"y"})",
};

// Everything after parsing, as the stages do it.
class GarbageTest : public ::testing::Test {
 protected:
  void Feed(std::string_view type, const std::string& raw) {
    absl::StatusOr<std::string_view> key = parser_.Parse(type, raw, listing_);
    if (!key.ok()) {
      ExpectReason(key.status());
      return;
    }
    EXPECT_FALSE(key->empty());
    std::string body;
    ASSERT_TRUE(listing_.SerializeToString(&body));
    Listing copy;
    ASSERT_TRUE(copy.ParseFromString(body)) << "a body that the next stage can't read";
    bool changed = false;
    if (absl::Status status = checks_.Check(copy, &changed); !status.ok()) {
      ExpectReason(status);
      return;
    }
    formatter_.Standardise(copy);
    ++accepted_;
  }
  void ExpectReason(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const std::string reason(status.message());
    const size_t colon = reason.find(": ");
    EXPECT_NE(colon, std::string::npos) << reason;
    EXPECT_GT(colon, 0u) << reason;
    EXPECT_TRUE(IsUtf8(reason)) << "a reason is text";
    ++refused_;
  }
  uint64_t Draw(uint64_t purpose, uint64_t bound) { return random_.Bits(purpose, {++draws_}) % bound; }

  const Random random_{kSalt};
  uint64_t draws_ = 0;
  RecordParser parser_;
  const RecordChecks checks_;
  AddressFormatter formatter_;
  Listing listing_;
  int accepted_ = 0;
  int refused_ = 0;
};

TEST_F(GarbageTest, RandomBytes) {
  for (int i = 0; i < 20'000; ++i) {
    std::string raw(Draw(1, 200), '\0');
    for (char& c : raw) c = static_cast<char>(Draw(2, 256));
    Feed(kTypes[i % 4], raw);
  }
  EXPECT_EQ(refused_, 20'000);
}

TEST_F(GarbageTest, DamagedRecords) {
  for (int i = 0; i < 40'000; ++i) {
    std::string raw = kSeeds[i % 4];
    for (uint64_t damages = 1 + Draw(3, 3); damages > 0; --damages) {
      const size_t at = Draw(4, raw.size());
      switch (Draw(5, 4)) {
        case 0:
          raw[at] = static_cast<char>(Draw(6, 256));
          break;
        case 1:
          raw.erase(at, 1 + Draw(7, 20));
          break;
        case 2: {
          // One draw a statement: the order in which arguments are evaluated is the compiler's.
          const uint64_t from = Draw(8, raw.size());
          raw.insert(at, raw.substr(from, Draw(9, 30)));
          break;
        }
        default:
          raw[at] = "\"{}[],:\\0e-\n"[Draw(10, 12)];
          break;
      }
      if (raw.empty()) raw = "x";
    }
    Feed(kTypes[i % 4], raw);
  }
  EXPECT_GT(accepted_, 1'000) << "else the damage is too great to reach far";
  EXPECT_GT(refused_, 10'000);
}

TEST_F(GarbageTest, EveryBeginning) {
  for (size_t seed = 0; seed < 4; ++seed) {
    for (size_t size = 0; size < kSeeds[seed].size(); ++size) Feed(kTypes[seed], kSeeds[seed].substr(0, size));
  }
}

TEST_F(GarbageTest, Monsters) {
  const std::string megabytes(10 << 20, 'x');
  Feed(kRawKingCounty, megabytes);
  Feed(kRawVancouverPermit, "\"" + megabytes);
  Feed(kRawReso, "{\"ListingKey\":\"" + megabytes + "\"}");
  Feed(kRawReso, std::string(1 << 20, '['));
  Feed(kRawReso, "{\"x\":" + std::string(1 << 20, '['));
  Feed(kRawPage, std::string(1 << 20, '{'));
  Feed(kRawVancouverPermit, std::string(1 << 20, ','));
  Feed(kRawReso, "{\"ListPrice\":1" + std::string(1 << 20, '0') + "}");
  EXPECT_EQ(refused_, 8);
}

}  // namespace
}  // namespace millrace::property
