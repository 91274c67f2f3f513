// The stages as the worker runs them: messages in, messages out.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bus/envelope.h"
#include "bus/segment.h"
#include "stages/property/address.h"
#include "stages/property/message_types.h"
#include "stages/property/parse.h"
#include "stages/property/validate.h"

namespace millrace::property {
namespace {

constexpr std::string_view kSale =
    R"("2402100895","20140625T000000",640000,33,1.75,1620,6000,"1",0,0,5,7,1040,580,1947,0,"98103",47.6878,-122.331,1330,4700)";
constexpr std::string_view kPermit =
    R"(DB-1,2017-02-01,35000,Addition,"1868 W 5TH AVENUE #409, Vancouver, BC V6J 1P3",Dwelling Uses,Multiple Dwelling,2017,541)";

class FixedClock : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  WallTime Wall() const override { return {}; }
};

class StagesTest : public ::testing::Test {
 protected:
  StagesTest() : pool_(64 << 10), arena_(&pool_) {
    settings_.stage = "stage";
    settings_.source = "/property/stage";
    settings_.outputs = {{.name = "", .topic = 0, .partitions = 8}};
  }

  // Processes one message; what comes out lies in out_ until the next call.
  absl::Status Run(stages::Stage& stage, const bus::Message& message) {
    const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
    stages::Outputs outputs(settings_, arena_);
    outputs.Begin(message, envelope, envelope.id);
    const stages::Context::Input input{.id = envelope.id};
    stages::Context context(input, clock_, random_, 0, nullptr);
    absl::Status status = stage.Process(context, message, outputs);
    if (status.ok()) status = outputs.Finish(&out_);
    return status;
  }
  bus::Message Raw(std::string_view type, std::string_view body, std::string_view key) {
    headers_.Clear();
    bus::WriteEnvelope({.id = "id-1", .source = "/feed", .type = type}, headers_);
    return {.key = key, .body = body, .headers = headers_.View()};
  }
  Listing Body() {
    Listing listing;
    EXPECT_EQ(out_.size(), 1u);
    EXPECT_TRUE(listing.ParseFromString(std::string(*out_.at(0).message.body)));
    const bus::Envelope envelope = bus::ReadEnvelope(out_.at(0).message.headers);
    EXPECT_EQ(envelope.type, kListingType);
    EXPECT_EQ(envelope.content_type, kListingContentType);
    return listing;
  }

  bus::SegmentPool pool_;
  stages::OutputArena arena_;
  stages::OutputSettings settings_;
  FixedClock clock_;
  const Random random_{1};
  bus::HeaderBuilder headers_;
  std::vector<stages::EncodedOutput> out_;
  ParseStage parse_;
  ValidateStage validate_;
  AddressStage address_;
};

TEST_F(StagesTest, The33BedroomRowComesThroughWithAFlag) {
  ASSERT_TRUE(Run(parse_, Raw(kRawKingCounty, kSale, "2402100895")).ok());
  EXPECT_EQ(Body().finding_size(), 0);
  const bus::Message parsed = out_[0].message;
  ASSERT_TRUE(Run(validate_, parsed).ok());
  ASSERT_EQ(Body().finding_size(), 1);
  EXPECT_EQ(Body().finding(0).field(), "BedroomsTotal");
  EXPECT_EQ(Body().finding(0).code(), "implausible");
  const bus::Message validated = out_[0].message;
  ASSERT_TRUE(Run(address_, validated).ok());
  EXPECT_EQ(Body().bedrooms_total(), 33);
  EXPECT_EQ(Body().address().postal_code(), "98103");
  EXPECT_EQ(out_[0].message.key, "2402100895");
}

TEST_F(StagesTest, AnAddressGetsItsStandardFormAndKeepsItsOwn) {
  ASSERT_TRUE(Run(parse_, Raw(kRawVancouverPermit, kPermit, "DB-1")).ok());
  const bus::Message parsed = out_[0].message;
  ASSERT_TRUE(Run(validate_, parsed).ok());
  EXPECT_EQ(out_[0].message.body, parsed.body) << "a record without findings passes byte for byte";
  const bus::Message validated = out_[0].message;
  ASSERT_TRUE(Run(address_, validated).ok());
  const Listing permit = Body();
  EXPECT_EQ(permit.unparsed_address(), "1868 W 5TH AVENUE #409, Vancouver, BC V6J 1P3");
  EXPECT_EQ(permit.address().delivery_line(), "409-1868 W 5TH AVE");
  EXPECT_EQ(permit.address().city(), "VANCOUVER");
  EXPECT_EQ(permit.address().postal_code(), "V6J 1P3");
}

TEST_F(StagesTest, TheKeyIsThatOfTheThing) {
  ASSERT_TRUE(Run(parse_, Raw(kRawKingCounty, kSale, "something else")).ok());
  EXPECT_EQ(out_[0].message.key, "2402100895");
  ASSERT_TRUE(Run(parse_, Raw(kRawVancouverPermit, kPermit, "DB-1")).ok());
  EXPECT_EQ(out_[0].message.key, "DB-1");
}

TEST_F(StagesTest, SameInputSameOutput) {
  ASSERT_TRUE(Run(parse_, Raw(kRawVancouverPermit, kPermit, "DB-1")).ok());
  const std::string first(*out_[0].message.body);
  ASSERT_TRUE(Run(parse_, Raw(kRawKingCounty, kSale, "x")).ok());
  EXPECT_FALSE(Run(parse_, Raw(kRawReso, "{", "x")).ok());
  ASSERT_TRUE(Run(parse_, Raw(kRawVancouverPermit, kPermit, "DB-1")).ok());
  EXPECT_EQ(*out_[0].message.body, first) << "nothing of other records stays behind";
}

TEST_F(StagesTest, WhatCannotBeReadIsRefusedWithFieldAndReason) {
  const auto reason = [&](stages::Stage& stage, const bus::Message& message) {
    const absl::Status status = Run(stage, message);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(reason(parse_, Raw(kRawReso, "{\"ListPrice\":\"x\"}", "k")), "ListPrice: expected a number, not text");
  EXPECT_EQ(reason(parse_, Raw(kRawPage, "<html>", "k")).substr(0, 15), "page: not JSON:");
  EXPECT_EQ(reason(parse_, Raw("", "x", "k")), "record: not of a type that this stage parses; found \"\"");
  bus::Message cut = Raw(kRawKingCounty, "the beginning", "k");
  headers_.Add(kHeaderCut, "10485760 kc_house_data.csv:7");
  cut.headers = headers_.View();
  EXPECT_EQ(
      reason(parse_, cut),
      "record: longer than the feed's limit, and so only its beginning is here (bytes of the whole, file:line); found "
      "\"10485760 kc_house_data.csv:7\"");
  bus::Message tombstone = Raw(kRawKingCounty, "", "k");
  tombstone.body = std::nullopt;
  EXPECT_EQ(reason(parse_, tombstone), "record: no body");
  for (stages::Stage* stage : std::vector<stages::Stage*>{&validate_, &address_}) {
    EXPECT_EQ(reason(*stage, Raw(kListingType, "\xFF\xFF", "k")),
              "record: its body is not a millrace.property.Listing");
    EXPECT_EQ(reason(*stage, Raw("x", "", "k")), "record: not of the type millrace.property.Listing; found \"x\"");
    tombstone = Raw(kListingType, "", "k");
    tombstone.body = std::nullopt;
    EXPECT_EQ(reason(*stage, tombstone), "record: no body");
  }
  EXPECT_EQ(reason(validate_, Raw(kListingType, "", "k")), "ListingKey: missing");
}

}  // namespace
}  // namespace millrace::property
