#include "stages/property/csv_record.h"

#include <gtest/gtest.h>

namespace millrace::property {
namespace {

constexpr std::string_view kColumns[] = {"a", "b", "c"};

std::string Error(std::string_view record) {
  CsvRecord csv(kColumns);
  const absl::Status status = csv.Split(record);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << record;
  return std::string(status.message());
}

TEST(CsvRecordTest, SplitsFields) {
  CsvRecord csv(kColumns);
  ASSERT_TRUE(csv.Split("1,two,3").ok());
  EXPECT_EQ(csv[0], "1");
  EXPECT_EQ(csv[1], "two");
  EXPECT_EQ(csv[2], "3");
  ASSERT_TRUE(csv.Split(",,\r\n").ok());
  EXPECT_EQ(csv[0], "");
  EXPECT_EQ(csv[2], "");
}

TEST(CsvRecordTest, UndoesQuotes) {
  CsvRecord csv(kColumns);
  ASSERT_TRUE(csv.Split("\"4378 W 9TH, Vancouver\",\"say \"\"hi\"\" \"\"\",\"line\nbreak\"\n").ok());
  EXPECT_EQ(csv[0], "4378 W 9TH, Vancouver");
  EXPECT_EQ(csv[1], "say \"hi\" \"");
  EXPECT_EQ(csv[2], "line\nbreak");
  ASSERT_TRUE(csv.Split("\"\",\"\"\"\",\"\"").ok());
  EXPECT_EQ(csv[0], "");
  EXPECT_EQ(csv[1], "\"");
}

TEST(CsvRecordTest, NamesColumnAndFault) {
  EXPECT_EQ(Error("1,\"open,3"), "b: quote left open");
  EXPECT_EQ(Error("\""), "a: quote left open");
  EXPECT_EQ(Error("1,\"x\"y,3"), "b: text behind the closing quote");
  EXPECT_EQ(Error("1,x\"y\",3"), "b: quote inside a field without quotes");
  EXPECT_EQ(Error(std::string_view("1,2,\0", 5)), "c: NUL byte");
  EXPECT_EQ(Error("1,2"), "record: 2 fields where 3 are expected");
  EXPECT_EQ(Error(""), "record: 1 fields where 3 are expected");
  EXPECT_EQ(Error("1,2,3,4"), "record: 4 fields where 3 are expected");
  EXPECT_EQ(Error("1,2,3,\"4"), "field 4: quote left open");
}

TEST(CsvRecordTest, IsReusable) {
  CsvRecord csv(kColumns);
  EXPECT_FALSE(csv.Split("\"a\"\"b").ok());
  ASSERT_TRUE(csv.Split("\"x\"\"y\",2,3").ok());
  EXPECT_EQ(csv[0], "x\"y");
}

}  // namespace
}  // namespace millrace::property
