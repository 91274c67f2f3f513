// What goes in comes out: keys, bodies, headers, times, sizes.

#include <limits>
#include <string>
#include <vector>

#include "bus/message.h"
#include "bus/random.h"
#include "tests/conformance/conformance.h"

namespace millrace::conformance {
namespace {

std::string EveryByte() {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  return all;
}

std::string Block(const std::vector<bus::Header>& headers) {
  std::string block;
  bus::HeaderBuilder builder(&block);
  for (const bus::Header& h : headers) builder.Add(h.name, h.value);
  return block;
}

// Messages as odd as the contract allows.
std::vector<Owned> OddMessages() {
  const std::string bytes = EveryByte(), long_value(5000, 'v');
  std::vector<Owned> odd;
  odd.push_back({.key = "k", .body = "plain", .headers = {}, .timestamp_ms = 1'700'000'000'123});
  odd.push_back({.key = std::nullopt, .body = "no key", .headers = {}});
  odd.push_back({.key = "", .body = "empty key", .headers = {}});
  odd.push_back({.key = "tombstone", .body = std::nullopt, .headers = {}});
  odd.push_back({.key = "empty body", .body = "", .headers = {}});
  odd.push_back({.key = std::nullopt, .body = std::nullopt, .headers = {}});
  odd.push_back({.key = "", .body = "", .headers = Block({{"", ""}})});
  odd.push_back({.key = bytes, .body = bytes, .headers = Block({{"bytes", bytes}})});
  odd.push_back({.key = std::string("a\0b", 3),
                 .body = std::string("\0", 1),
                 .headers = Block({{"nul", std::string_view("\0\0", 2)}})});
  odd.push_back({.key = "\xff\xfe", .body = "\xc3\x28 not UTF-8 \xa0\xa1", .headers = Block({{"latin", "\xe9t\xe9"}})});
  odd.push_back({.key = "order",
                 .body = "duplicates and order",
                 .headers = Block({{"b", "1"}, {"a", "2"}, {"b", "3"}, {"a", "2"}, {"b", std::nullopt}, {"b", "1"}})});
  odd.push_back(
      {.key = "nulls", .body = "null and empty values", .headers = Block({{"null", std::nullopt}, {"empty", ""}})});
  odd.push_back({.key = "long", .body = "long header", .headers = Block({{"long", long_value}, {"after", "x"}})});
  odd.push_back({.key = "ce",
                 .body = "{}",
                 .headers = Block({{"ce_id", "1"}, {"ce_specversion", "1.0"}, {"content-type", "application/json"}})});
  std::string many;
  bus::HeaderBuilder builder(&many);
  for (int i = 0; i < 200; ++i) builder.Add("header-" + std::to_string(i % 50), std::to_string(i));
  odd.push_back({.key = "many", .body = "200 headers", .headers = many, .timestamp_ms = 1});
  odd.push_back({.key = "time", .body = "far time", .headers = {}, .timestamp_ms = 253'402'300'799'999});
  return odd;
}

void ExpectSame(const bus::Message& got, const bus::Message& want) {
  EXPECT_EQ(got.key.has_value(), want.key.has_value());
  EXPECT_EQ(got.body.has_value(), want.body.has_value());
  EXPECT_EQ(got.key, want.key);
  EXPECT_EQ(got.body, want.body);
  EXPECT_EQ(got.headers.block(), want.headers.block());
  EXPECT_EQ(got.timestamp_ms, want.timestamp_ms);
  EXPECT_TRUE(bus::SameContent(got, want));
}

TEST_P(Conformance, OddMessagesComeBackAsTheyWere) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (Owned& odd : OddMessages()) feeder.Send(0, 0, std::move(odd));
  ExpectConfirmed(feeder);
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, feeder.sent.size());
  for (size_t i = 0; i < member.got.size(); ++i) {
    SCOPED_TRACE("message " + std::to_string(i) + ", body " + feeder.sent[i].message.body.value_or("(null)"));
    ExpectSame(member.got[i].delivery.message, feeder.sent[i].message.View());
  }
}

TEST_P(Conformance, RandomMessagesComeBackAsTheyWere) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  const Random random(7);
  auto bytes = [&](uint64_t purpose, uint64_t i, uint64_t most) {
    std::string s(random.Below(purpose, {i}, most), '\0');
    for (size_t at = 0; at < s.size(); ++at) s[at] = static_cast<char>(random.Bits(purpose, {i, at}));
    return s;
  };
  for (uint64_t i = 0; i < 200; ++i) {
    Owned message{
        .key = std::nullopt, .body = std::nullopt, .headers = {}, .timestamp_ms = static_cast<int64_t>(i * 1000)};
    if (random.Below(1, {i}, 4) != 0) message.key = bytes(2, i, 40);
    if (random.Below(3, {i}, 8) != 0) message.body = bytes(4, i, 3000);
    bus::HeaderBuilder builder(&message.headers);
    for (uint64_t h = random.Below(5, {i}, 8); h-- > 0;) {
      const std::string value = bytes(6, i * 10 + h, 60);
      builder.Add("h" + std::to_string(random.Below(7, {i, h}, 3)),
                  random.Below(8, {i, h}, 5) == 0 ? std::nullopt : std::optional<std::string_view>(value));
    }
    feeder.Send(0, 0, std::move(message));
  }
  Member& member = world->Join("g", {"t"});
  member.finish_at_once = true;
  ExpectConfirmed(feeder);
  ExpectGot(member, feeder.sent.size());
  for (size_t i = 0; i < member.got.size(); ++i) {
    SCOPED_TRACE(i);
    ExpectSame(member.got[i].delivery.message, feeder.sent[i].message.View());
  }
}

TEST_P(Conformance, SizesUpToTheLimitPassAndLargerOnesAreRefusedForGood) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  const size_t limit = capabilities().message_bytes_max;
  ASSERT_GT(limit, 100'000u);
  feeder.SendText(0, 0, "before");
  feeder.Send(0, 0, {.key = std::nullopt, .body = std::string(limit, 'x'), .headers = {}});
  feeder.Send(0, 0, {.key = std::nullopt, .body = std::string(limit + 1, 'y'), .headers = {}});
  feeder.SendText(0, 0, "between");
  feeder.Send(0, 0, {.key = std::string(10, 'k'), .body = std::string(limit - 9, 'z'), .headers = {}});
  feeder.Send(0, 0, {.key = std::string(10, 'k'), .body = std::string(limit - 10, 'w'), .headers = {}});
  feeder.Send(0, 0, {.key = std::nullopt, .body = std::string(limit, 'h'), .headers = Block({{"h", "v"}})});
  feeder.SendText(0, 0, "after");
  ASSERT_TRUE(world->RunUntil([&] { return feeder.AllAnswered(); }));
  for (size_t i = 0; i < feeder.sent.size(); ++i) {
    const bool over = feeder.sent[i].message.View().Bytes() > limit;
    EXPECT_EQ(feeder.sent[i].answer->code(), over ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kOk)
        << i << ": " << *feeder.sent[i].answer;
  }
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 5);
  ASSERT_EQ(member.got.size(), 5u);
  EXPECT_EQ(member.got[0].text(), "before");
  EXPECT_TRUE(member.got[1].delivery.message.body == std::string(limit, 'x'));
  EXPECT_EQ(member.got[2].text(), "between");
  EXPECT_TRUE(member.got[3].delivery.message.body == std::string(limit - 10, 'w'));
  EXPECT_EQ(member.got[4].text(), "after");
}

// A publish copies; the caller's bytes are its own again when the call returns.
TEST_P(Conformance, PublishKeepsNoViewOfTheCallersBytes) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  feeder.Send(0, 0, {.key = "key", .body = "the body", .headers = Block({{"name", "value"}})});
  ASSERT_TRUE(world->RunUntil([&] { return feeder.taken == 1; }));
  Owned& mine = feeder.sent[0].message;
  mine.key->assign(mine.key->size(), '#');
  mine.body->assign(mine.body->size(), '#');
  mine.headers.assign(mine.headers.size(), '\0');
  Member& member = world->Join("g", {"t"});
  ExpectGot(member, 1);
  const bus::Message& message = member.got.at(0).delivery.message;
  EXPECT_EQ(message.key, "key");
  EXPECT_EQ(message.body, "the body");
  EXPECT_EQ(message.headers.Find("name"), "value");
}

// A delivery's bytes live as long as somebody holds its segment: after settling, after the holding, after consumer,
// producer and bus are gone.
TEST_P(Conformance, DeliveriesOutliveEverythingButTheirSegment) {
  ASSERT_TRUE(world->Apply("t", 1, {"g"}).ok());
  std::vector<Got> kept;
  {
    Feeder& feeder = world->OpenFeeder({"t"});
    feeder.SendSeries(0, 0, "first-", 100);
    Member& member = world->Join("g", {"t"});
    member.finish_at_once = true;
    ExpectGot(member, 100);
    kept.assign(member.got.begin(), member.got.end());
    for (int i = 0; i < 20; ++i) feeder.SendText(0, 0, std::string(20'000, 'n'));
    ExpectGot(member, 120);
    EXPECT_TRUE(world->Close(member).ok());
    EXPECT_TRUE(world->Close(feeder).ok());
  }
  world.reset();
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].text(), "first-" + std::to_string(i));
}

TEST_P(Conformance, BatchesKeepTheirBound) {
  ASSERT_TRUE(world->Apply("t", 2, {"g"}).ok());
  Feeder& feeder = world->OpenFeeder({"t"});
  for (int p = 0; p < 2; ++p) feeder.SendSeries(0, p, "m", 300);
  ExpectConfirmed(feeder);
  bus::ConsumerOptions options = world->Options("g", {"t"});
  options.batch_max = 7;
  Member& member = world->Join(options);
  member.finish_at_once = true;
  ExpectGot(member, 600);
  EXPECT_LE(member.largest_batch, 7u);
  EXPECT_GT(member.largest_batch, 1u) << "batches are for carrying more than one";
}

}  // namespace
}  // namespace millrace::conformance
