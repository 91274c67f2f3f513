#include "ops/books.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "stages/journal.h"
#include "stages/receipts.h"

namespace millrace::ops {
namespace {

class Store : public stages::Port, public stages::ReceiptSource {
 public:
  explicit Store(std::vector<std::string> roots) : roots_(std::move(roots)) {}
  absl::Status ForEachReceipt(const std::function<void(const stages::Receipt&)>& callback) override {
    for (const std::string& root : roots_)
      callback({.id = root, .root = root, .share = "", .reason = "stored", .digest = ""});
    return absl::OkStatus();
  }

 private:
  const std::vector<std::string> roots_;
};

class BooksTest : public testing::Test {
 protected:
  BooksTest() {
    std::filesystem::remove_all(path_);
    folder_ = *RunFolder::Open(path_, "p");
    pipeline_.name = "p";
    pipeline_.sources.push_back({.name = "feed"});
    pipeline_.sources.push_back({.name = "never"});
    pipeline_.ports.push_back({.name = "store"});
    pipeline_.ports.push_back({.name = "other"});
    EXPECT_TRUE(ports_.Add("store", std::make_unique<Store>(std::vector<std::string>{"stored"})));
    EXPECT_TRUE(ports_.Add("other", std::make_unique<stages::Port>()));
  }
  void Accept(const std::vector<std::string>& ids) {
    auto journal = stages::Journal::Open(folder_->journal("feed"));
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (const std::string& id : ids) (*journal)->Append(id);
    ASSERT_TRUE((*journal)->Sync().ok());
  }
  void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  const std::string path_ = testing::TempDir() + "/books";
  std::unique_ptr<RunFolder> folder_;
  stages::ResolvedPipeline pipeline_;
  stages::Ports ports_;
};

TEST_F(BooksTest, AnEmptyFolderBalances) {
  const absl::StatusOr<Books> books = CloseBooks(pipeline_, *folder_, stages::Ports(), nullptr);
  ASSERT_TRUE(books.ok()) << books.status();
  EXPECT_EQ(books->balance.accepted, 0u);
  EXPECT_TRUE(books->reasons.empty());
}

TEST_F(BooksTest, CountsFromJournalStoreReceiptsAndDeadLetters) {
  Accept({"stored", "dropped", "dead1", "dead2", "dead3", "lost"});
  Write(folder_->receipts(), "{\"id\":\"r\",\"root\":\"dropped\",\"reason\":\"done\"}\n");
  Write(folder_->dead_letters(),
        "{\"id\":\"a\",\"root\":\"dead1\",\"stage\":\"s\",\"field\":\"Price\",\"reason\":\"INVALID_ARGUMENT: Price: 5 "
        "is too much\"}\n"
        "{\"id\":\"b\",\"root\":\"dead2\",\"stage\":\"t\",\"reason\":\"UNKNOWN: boom\"}\n"
        "{\"id\":\"c\",\"root\":\"dead3\",\"stage\":\"s\",\"field\":\"Price\",\"reason\":\"INVALID_ARGUMENT: Price: 7 "
        "is too much\"}\n");
  const absl::StatusOr<Books> books = CloseBooks(pipeline_, *folder_, ports_, nullptr);
  ASSERT_TRUE(books.ok()) << books.status();
  EXPECT_EQ(books->balance.accepted, 6u);
  EXPECT_EQ(books->balance.settled, 2u);
  EXPECT_EQ(books->balance.dead_lettered, 3u);
  EXPECT_EQ(books->balance.lost, 1u);
  EXPECT_EQ(books->balance.lost_examples, std::vector<std::string>{"lost"});
  EXPECT_EQ(books->dead_letters, 3u);
  ASSERT_EQ(books->reasons.size(), 2u);
  EXPECT_EQ(books->reasons[0].count, 2u);
  EXPECT_EQ(books->reasons[0].stage, "s");
  EXPECT_EQ(books->reasons[0].field, "Price");
  EXPECT_EQ(books->reasons[0].reason, "N is too much");
  EXPECT_EQ(books->reasons[0].example, "dead1");
  EXPECT_EQ(books->reasons[1].reason, "boom");
}

TEST_F(BooksTest, KnowsTheJobsThatHaveEnded) {
  Write(folder_->receipts(), "{\"id\":\"r\",\"root\":\"half\",\"share\":\".1/2\"}\n");
  Write(folder_->dead_letters(), "{\"id\":\"a\",\"root\":\"dead\",\"reason\":\"x\"}\n");
  const absl::StatusOr<IdSet> ended = EndedJobs(pipeline_, *folder_, ports_);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_TRUE(ended->Contains("stored"));
  EXPECT_TRUE(ended->Contains("dead"));
  EXPECT_FALSE(ended->Contains("half"));
  EXPECT_EQ(ended->size(), 2u);
}

TEST_F(BooksTest, WhatCannotBeReadIsAnErrorAndNotALoss) {
  Write(folder_->dead_letters(), "not a line of ours\n");
  EXPECT_TRUE(absl::IsDataLoss(CloseBooks(pipeline_, *folder_, ports_, nullptr).status()));
  EXPECT_TRUE(absl::IsDataLoss(EndedJobs(pipeline_, *folder_, ports_).status()));
}

}  // namespace
}  // namespace millrace::ops
