#include "stages/property/csv_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bus/random.h"

namespace millrace::property {
namespace {

// All records of a text, as the feed would take them with chunks that grow from `look` bytes.
std::vector<std::string> Records(std::string_view text, size_t look = 1 << 20, size_t record_max = 100,
                                 uint64_t* lines = nullptr) {
  std::vector<std::string> records;
  uint64_t total = 0;
  for (size_t at = 0; at < text.size();) {
    size_t want = look;
    CsvScan scan;
    while (true) {
      const std::string_view view = text.substr(at, want);
      scan = ScanCsvRecord(view, at + view.size() == text.size(), record_max);
      if (scan.result != CsvScan::Result::kMore) break;
      EXPECT_LE(view.size(), record_max);
      EXPECT_LT(view.size(), text.size() - at) << "asks for more than there is";
      if (view.size() == text.size() - at) return records;
      want *= 2;
    }
    if (scan.result == CsvScan::Result::kLongLine) {
      const size_t end = std::min(text.find('\n', at), text.size());
      records.push_back("LONG " + std::to_string(end - at));
      total += end < text.size();
      at = end + 1;
      continue;
    }
    EXPECT_GT(scan.next, 0u);
    records.emplace_back(text.substr(at, scan.size));
    at += scan.next;
    total += scan.lines;
  }
  if (lines != nullptr) *lines = total;
  return records;
}

using Strings = std::vector<std::string>;

TEST(CsvScan, LinesWithAnyLineBreak) {
  EXPECT_EQ(Records("a,b\nc,d\r\n\ne"), (Strings{"a,b", "c,d", "", "e"}));
  EXPECT_EQ(Records("a\n"), Strings{"a"});
}

TEST(CsvScan, LineBreaksInQuotesBelongToTheRecord) {
  uint64_t lines = 0;
  EXPECT_EQ(Records("1,\"two\nlines\",3\n2,\"a\r\nb\r\n\"\r\n3,\"x\"\"\n\"\"y\"\n", 1 << 20, 100, &lines),
            (Strings{"1,\"two\nlines\",3", "2,\"a\r\nb\r\n\"", "3,\"x\"\"\n\"\"y\""}));
  EXPECT_EQ(lines, 7u);
}

TEST(CsvScan, AQuoteInsideAFieldIsNoOpeningQuote) {
  EXPECT_EQ(Records("5\" pipe,b\nnext\n"), (Strings{"5\" pipe,b", "next"}));
  EXPECT_EQ(Records("\"closed\"tail\"\nnext\n"), (Strings{"\"closed\"tail\"", "next"}));
}

TEST(CsvScan, AQuoteLeftOpenAtTheEndBreaksItsLineOnly) {
  EXPECT_EQ(Records("1,\"open\n2,b\n3,c\n"), (Strings{"1,\"open", "2,b", "3,c"}));
  EXPECT_EQ(Records("1,a\n2,\"open"), (Strings{"1,a", "2,\"open"}));
  EXPECT_EQ(Records("1,\"open\r\n2,b"), (Strings{"1,\"open", "2,b"}));
}

TEST(CsvScan, AStrayQuoteBreaksItsLineOnlyAlsoWhereAnotherFollows) {
  // Each later quote would close it: a field with quotes, another stray one, a row cut inside a field.
  EXPECT_EQ(Records("1,\"stray\n2,b\n3,\"good, one\",c\n4,d\n"),
            (Strings{"1,\"stray", "2,b", "3,\"good, one\",c", "4,d"}));
  EXPECT_EQ(Records("1,\"stray\n2,b\n3,\"stray\n4,d\n"), (Strings{"1,\"stray", "2,b", "3,\"stray", "4,d"}));
  EXPECT_EQ(Records("1,\"cut\n2,\"good\",\"x\"\n"), (Strings{"1,\"cut", "2,\"good\",\"x\""}));
  std::string text = "1,\"stray\n";
  Strings expected{"1,\"stray"};
  for (uint64_t i = 0; i < kCsvLinesMax; ++i) {
    text += "line\n";
    expected.push_back("line");
  }
  // Closed as a field should be, but a field is not that long.
  for (size_t look : {1, 7, 64, 1000}) EXPECT_EQ(Records(text + "\",x\n", look, 1 << 20)[0], expected[0]);
}

TEST(CsvScan, AQuoteLeftOpenBeyondTheLimitBreaksItsLineOnly) {
  std::string text = "1,\"open\n";
  Strings expected{"1,\"open"};
  for (int i = 0; i < 50; ++i) {
    text += "line " + std::to_string(i) + "\n";
    expected.push_back("line " + std::to_string(i));
  }
  for (size_t look : {1, 7, 64, 1000}) EXPECT_EQ(Records(text, look), expected);
}

TEST(CsvScan, LongLines) {
  const std::string line(500, 'x');
  EXPECT_EQ(Records("a\n" + line + "\nb\n", 16), (Strings{"a", "LONG 500", "b"}));
  EXPECT_EQ(Records(line, 16), Strings{"LONG 500"});
  EXPECT_EQ(Records("\"" + line + "\nb\n", 16), (Strings{"LONG 501", "b"}));
  // Seen whole, it is a record that the caller cuts.
  EXPECT_EQ(Records(line + "\nb\n")[0].size(), 500u);
}

TEST(CsvScan, NulBytesAndInvalidUtf8AreBytes) {
  const std::string text("a\0b,\xff\xfe\nc\n", 9);
  EXPECT_EQ(Records(text), (Strings{std::string("a\0b,\xff\xfe", 6), "c"}));
}

// Whatever the bytes: every byte is in one record or is a line break behind one, in order, and chunking changes
// nothing.
TEST(CsvScan, NothingIsLostWhateverTheBytes) {
  const Random random(3);
  constexpr std::string_view kAlphabet = "ab,,\"\"\"\n\n\r\0";
  for (uint64_t round = 0; round < 3000; ++round) {
    std::string text;
    for (uint64_t i = 0, n = random.Below(1, {round}, 400); i < n; ++i)
      text += kAlphabet[random.Below(2, {round, i}, kAlphabet.size())];
    const Strings whole = Records(text, 1 << 20);
    for (size_t look : {1, 3, 50}) ASSERT_EQ(Records(text, look), whole) << "round " << round;
    size_t at = 0;
    for (const std::string& record : whole) {
      ASSERT_EQ(text.substr(at, record.size()), record);
      at += record.size();
      if (at < text.size() && text[at] == '\r') ++at;
      if (at < text.size()) {
        ASSERT_EQ(text[at], '\n');
      }
      ++at;
    }
    ASSERT_GE(at, text.size());
  }
}

}  // namespace
}  // namespace millrace::property
