#include "sim/report/page.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sim/report/sample.h"

namespace millrace::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kIndex = 0, kKind = 2, kWho = 16, kSentence = 17;  // columns of a record

std::string PageOf(const Sample& sample,
                   PageOptions options = {.title = "orders <&\" run", .replay = "orders sim --plan p"}) {
  return Page(sample.plan, sample.history, sample.findings, options);
}

nlohmann::json DataOf(const std::string& page) {
  constexpr std::string_view kOpen = "<script type=\"application/json\" id=\"data\">";
  const size_t at = page.find(kOpen) + kOpen.size();
  return nlohmann::json::parse(page.substr(at, page.find("</script>", at) - at), nullptr, false);
}

// The elements that are open at the end of the page, or the first tag that closes another than the last opened.
std::string Unbalanced(std::string_view page) {
  const std::set<std::string_view> kVoid = {"meta", "input", "br", "hr", "link", "img"};
  std::vector<std::string_view> open;
  for (size_t at = 0; (at = page.find('<', at)) != std::string_view::npos; ++at) {
    if (page.substr(at, 2) == "<!") continue;
    const bool closes = page.substr(at, 2) == "</";
    const size_t name_at = at + (closes ? 2 : 1);
    const size_t name_end = page.find_first_of(" >\n", name_at);
    const std::string_view name = page.substr(name_at, name_end - name_at);
    if (closes) {
      if (open.empty() || open.back() != name) return std::string(name);
      open.pop_back();
    } else if (!kVoid.contains(name)) {
      open.push_back(name);
      // Their content is text up to the end tag.
      if (name == "script" || name == "style") at = page.find("</" + std::string(name), at) - 1;
    }
  }
  return open.empty() ? "" : std::string(open.back());
}

TEST(PageTest, IsOneFileThatAsksForNothing) {
  const std::string page = PageOf(CommitBeforePublish());
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_THAT(page, HasSubstr("<title>orders &lt;&amp;&quot; run</title>"));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, Not(HasSubstr("@import")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, Not(HasSubstr(" src=")));
  EXPECT_EQ(Unbalanced(page), "");
  EXPECT_LT(page.size(), 200'000u);
}

TEST(PageTest, HoldsTheRunAndTheStory) {
  const Sample sample = CommitBeforePublish();
  const nlohmann::json data = DataOf(PageOf(sample));
  ASSERT_TRUE(data.is_object());
  EXPECT_EQ(data["title"], "orders <&\" run");
  EXPECT_EQ(data["replay"], "orders sim --plan p");
  EXPECT_EQ(data["records"].size(), sample.history.records.size());
  EXPECT_EQ(data["total"], sample.history.records.size());
  EXPECT_EQ(data["jobs"].size(), 3u);
  EXPECT_EQ(data["processes"].size(), 2u);
  const nlohmann::json& finding = data["findings"][0];
  EXPECT_EQ(finding["promise"], "no-loss");
  EXPECT_EQ(data["jobs"][finding["job"].get<size_t>()][0], 7);
  EXPECT_EQ(finding["evidence"].size(), 5u);
  EXPECT_GT(finding["lines"].size(), 15u);
  // Lines lead to the records that they tell.
  for (const nlohmann::json& line : finding["lines"]) {
    const nlohmann::json& record = data["records"][line[0].get<size_t>()];
    EXPECT_EQ(record[kWho], line[1]);
    EXPECT_EQ(line[2].get<std::string>().rfind(record[kSentence].get<std::string>(), 0), 0u) << line;
  }
}

TEST(PageTest, NothingBreaksOut) {
  const std::string page =
      PageOf(Hostile(), {.title = "</title><script>alert(2)</script>\xff", .replay = "a </script> b"});
  const nlohmann::json data = DataOf(page);
  ASSERT_TRUE(data.is_object());
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("<!--")));
  EXPECT_EQ(Unbalanced(page), "");
  EXPECT_THAT(data["jobs"][0][1].get<std::string>(), HasSubstr("</script><script>alert(1)</script>"));
  EXPECT_THAT(data["topics"][0]["name"].get<std::string>(), HasSubstr("</script>"));
  EXPECT_EQ(data["replay"], "a </script> b");
  EXPECT_EQ(
      std::count_if(page.begin(), page.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }),
      0);
  EXPECT_EQ(page.find('\xff'), std::string::npos);
}

TEST(PageTest, LargeRunsAreThinnedByJobs) {
  const Sample sample = BusyRun(40'000);
  const std::string page = PageOf(sample);
  EXPECT_LT(page.size(), 5'000'000u);
  const nlohmann::json data = DataOf(page);
  ASSERT_TRUE(data.is_object());
  EXPECT_EQ(data["total"], sample.history.records.size());
  EXPECT_LE(data["records"].size(), 6000u);
  EXPECT_GE(data["records"].size(), 3000u);
  // What the finding is about is all there.
  const uint32_t guilty = sample.findings[0].job;
  size_t expected = 0, found = 0, faults = 0;
  for (const Record& r : sample.history.records) {
    expected += r.message < sample.history.messages.size() && sample.history.messages[r.message].job == guilty;
  }
  // And each job is there as a whole or not at all.
  std::vector<size_t> of_job(sample.history.jobs.size(), 0), shown(sample.history.jobs.size(), 0);
  for (const Record& r : sample.history.records) {
    if (r.message != kNoMessage) ++of_job[sample.history.messages[r.message].job];
  }
  for (const nlohmann::json& record : data["records"]) {
    const Record& r = sample.history.records[record[kIndex].get<size_t>()];
    EXPECT_EQ(record[kKind], static_cast<int>(r.kind));
    faults += r.kind == Kind::kFault;
    if (r.message != kNoMessage) ++shown[sample.history.messages[r.message].job];
  }
  found = shown[guilty];
  EXPECT_EQ(found, expected);
  EXPECT_EQ(faults, 3u);
  for (size_t job = 0; job < shown.size(); ++job) EXPECT_TRUE(shown[job] == 0 || shown[job] == of_job[job]) << job;
}

TEST(PageTest, FiveThousandRecordsAreAllThere) {
  const Sample sample = BusyRun(5000);
  const std::string page = PageOf(sample);
  EXPECT_LT(page.size(), 2'000'000u);
  EXPECT_EQ(DataOf(page)["records"].size(), sample.history.records.size());
}

TEST(PageTest, WithoutFindingsAndWithoutRecords) {
  Sample sample = CommitBeforePublish();
  sample.findings.clear();
  EXPECT_EQ(DataOf(PageOf(sample))["findings"].size(), 0u);
  EXPECT_EQ(DataOf(Page({}, {}, {}, {.title = "nothing"}))["records"].size(), 0u);
}

TEST(PageTest, TheSameRunGivesTheSamePage) { EXPECT_EQ(PageOf(BusyRun(500)), PageOf(BusyRun(500))); }

}  // namespace
}  // namespace millrace::sim
