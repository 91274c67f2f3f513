#include "ops/outcomes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "stages/dead_letter.h"

namespace millrace::ops {
namespace {

struct Kept {
  std::string id, root, share, digest, stage, field, reason;
};

std::vector<Kept> Read(const std::string& text, absl::Status* status = nullptr) {
  const std::string path = testing::TempDir() + "/outcomes.jsonl";
  std::ofstream(path, std::ios::binary) << text;
  std::vector<Kept> kept;
  const absl::Status read = ReadOutcomes(path, [&](const Outcome& o) {
    kept.push_back({std::string(o.id), std::string(o.root), std::string(o.share), std::string(o.digest),
                    std::string(o.stage), std::string(o.field), std::string(o.reason)});
  });
  if (status != nullptr) {
    *status = read;
  } else {
    EXPECT_TRUE(read.ok()) << read;
  }
  return kept;
}

TEST(OutcomesTest, ADeadLetterHasAllThatIsKnownOfIt) {
  bus::HeaderBuilder headers;
  headers.Add("ce_id", "m1")
      .Add("mr_root", "job")
      .Add("mr_share", ".1/2")
      .Add("mr_digest", "abc")
      .Add("note", std::nullopt);
  headers.Add("odd", "\xff")
      .Add(stages::kDeadReason, "INVALID_ARGUMENT: PostalCode: not \"one\"")
      .Add(stages::kDeadStage, "parse")
      .Add(stages::kDeadSource, "raw/0/17")
      .Add(stages::kDeadId, "m1")
      .Add(stages::kDeadAttempts, "2")
      .Add(stages::kDeadHistory, "1 2026-01-01T00:00:00Z UNKNOWN: a\n2 2026-01-01T00:00:01Z INVALID_ARGUMENT: b");
  const bus::Message message{.key = "k", .body = "body\n", .headers = headers.View()};
  std::string line;
  AppendDeadLetter(message, "dead/0/1", "", &line);
  EXPECT_EQ(
      line,
      R"({"id":"m1","root":"job","share":".1/2","stage":"parse","field":"PostalCode",)"
      R"("reason":"INVALID_ARGUMENT: PostalCode: not \"one\"","attempts":"2","source":"raw/0/17",)"
      R"("history":["1 2026-01-01T00:00:00Z UNKNOWN: a","2 2026-01-01T00:00:01Z INVALID_ARGUMENT: b"],"digest":"abc","key":"k",)"
      R"("headers":[["ce_id","m1"],["mr_root","job"],["mr_share",".1/2"],["mr_digest","abc"],["note",null],["odd",{"base64":"/w=="}]],)"
      R"("body":"body\n"})");
  const std::vector<Kept> kept = Read(line + "\n");
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].root, "job");
  EXPECT_EQ(kept[0].share, ".1/2");
  EXPECT_EQ(kept[0].digest, "abc");
  EXPECT_EQ(kept[0].stage, "parse");
  EXPECT_EQ(kept[0].field, "PostalCode");
  EXPECT_EQ(kept[0].reason, "INVALID_ARGUMENT: PostalCode: not \"one\"");
}

TEST(OutcomesTest, ForeignAndBinaryMessagesLoseNothing) {
  const std::string root = "\xff\x01root";
  bus::HeaderBuilder headers;
  headers.Add("mr_root", root);
  std::string lines;
  AppendDeadLetter({.key = std::nullopt, .body = std::nullopt, .headers = headers.View()}, "dead/0/1", "", &lines);
  lines += "\n";
  AppendDeadLetter({.key = "\xfe", .body = "\xfd"}, "dead/0/2", ".2/3", &lines);
  lines += "\n";
  const std::vector<Kept> kept = Read(lines);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].id, "dead/0/1");
  EXPECT_EQ(kept[0].root, root);
  EXPECT_EQ(kept[1].root, "dead/0/2") << "a job of its own";
  EXPECT_EQ(kept[1].share, ".2/3");
  EXPECT_NE(lines.find(R"("key_base64":"/g==")"), std::string::npos);
  EXPECT_NE(lines.find(R"("body_base64":"/Q==")"), std::string::npos);
}

TEST(OutcomesTest, AReceiptNamesTheMessageThatEnded) {
  bus::HeaderBuilder headers;
  headers.Add("ce_id", "receipt")
      .Add("ce_source", "/p/filter")
      .Add("ce_subject", "m1")
      .Add("mr_root", "job")
      .Add("mr_digest", "d");
  std::string line;
  AppendReceipt({.body = "dropped: not for sale", .headers = headers.View()}, "receipts/0/1", &line);
  EXPECT_EQ(line, R"({"id":"m1","root":"job","stage":"/p/filter","reason":"dropped: not for sale","digest":"d"})");
}

TEST(OutcomesTest, ALineThatIsNoneIsNamed) {
  absl::Status status;
  EXPECT_EQ(Read("{\"id\":\"a\"}\nnot json\n", &status).size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_NE(std::string(status.message()).find("outcomes.jsonl:2:"), std::string::npos) << status;
  EXPECT_EQ(Read("{\"id\":\"a\"}\n{\"id\":\"to", &status).size(), 1u) << "a torn tail is no line";
  EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace millrace::ops
