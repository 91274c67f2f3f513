#include "bus/rabbitmq/field_table.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <array>
#include <string>
#include <vector>

#include "bus/random.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

// As rabbitmq-c writes it, without the length in front.
std::string Encoded(std::vector<amqp_table_entry_t> entries) {
  amqp_table_t table{static_cast<int>(entries.size()), entries.data()};
  std::string bytes(1 << 16, '\0');
  size_t offset = 0;
  EXPECT_EQ(amqp_encode_table(Bytes(bytes), &table, &offset), AMQP_STATUS_OK);
  return bytes.substr(4, offset - 4);
}

amqp_table_entry_t Entry(std::string_view name, uint8_t kind) {
  amqp_table_entry_t entry{};
  entry.key = Bytes(name);
  entry.value.kind = kind;
  return entry;
}

std::vector<std::pair<std::string, std::string>> TextsOf(const std::string& bytes) {
  std::vector<std::pair<std::string, std::string>> texts;
  FieldTable table(bytes);
  while (const std::optional<Field> field = table.Next()) {
    std::string text;
    AppendAsText(*field, text);
    texts.emplace_back(field->name, text);
  }
  EXPECT_TRUE(table.ok());
  return texts;
}

TEST(FieldTableTest, ReadsEveryKindThatRabbitmqCWrites) {
  std::vector<amqp_table_entry_t> entries;
  const auto add = [&](std::string_view name, uint8_t kind) -> amqp_field_value_t& {
    entries.push_back(Entry(name, kind));
    return entries.back().value;
  };
  add("t", 't').value.boolean = 1;
  add("b", 'b').value.i8 = -5;
  add("B", 'B').value.u8 = 250;
  add("s", 's').value.i16 = -300;
  add("u", 'u').value.u16 = 65000;
  add("I", 'I').value.i32 = -70000;
  add("i", 'i').value.u32 = 4000000000u;
  add("l", 'l').value.i64 = -5000000000;
  add("L", 'L').value.u64 = 18446744073709551615u;
  add("f", 'f').value.f32 = 1.5f;
  add("d", 'd').value.f64 = -0.1;
  add("D", 'D').value.decimal = {2, 5};
  add("S", 'S').value.bytes = Bytes("text\xFF");
  add("x", 'x').value.bytes = Bytes(std::string_view("\0\1", 2));
  add("T", 'T').value.u64 = 1700000000;
  add("V", 'V');
  const auto texts = TextsOf(Encoded(entries));
  const std::vector<std::pair<std::string, std::string>> expected = {{"t", "true"},
                                                                     {"b", "-5"},
                                                                     {"B", "250"},
                                                                     {"s", "-300"},
                                                                     {"u", "65000"},
                                                                     {"I", "-70000"},
                                                                     {"i", "4000000000"},
                                                                     {"l", "-5000000000"},
                                                                     {"L", "18446744073709551615"},
                                                                     {"f", "1.5"},
                                                                     {"d", "-0.1"},
                                                                     {"D", "0.05"},
                                                                     {"S", "text\xFF"},
                                                                     {"x", std::string("\0\1", 2)},
                                                                     {"T", "1700000000"},
                                                                     {"V", ""}};
  EXPECT_EQ(texts, expected);
}

TEST(FieldTableTest, NestedTablesAndArraysAreJson) {
  std::array<amqp_field_value_t, 3> elements{};
  elements[0].kind = 'I';
  elements[0].value.i32 = 7;
  elements[1].kind = 'S';
  elements[1].value.bytes = Bytes("a\"b\\\n\xE9");  // not UTF-8
  elements[2].kind = 'V';
  std::array<amqp_table_entry_t, 2> inner = {Entry("list", 'A'), Entry("ü", 'S')};
  inner[0].value.value.array = {3, elements.data()};
  inner[1].value.value.bytes = Bytes("é");
  std::vector<amqp_table_entry_t> entries = {Entry("nested", 'F')};
  entries[0].value.value.table = {2, inner.data()};
  const auto texts = TextsOf(Encoded(entries));
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_EQ(texts[0].second, "{\"list\":[7,\"a\\\"b\\\\\\u000a\\u00e9\",null],\"ü\":\"é\"}");
}

TEST(FieldTableTest, WhatIsNestedTooDeepIsKeptAsItLies) {
  std::string value;  // of an array in an array in …
  for (int depth = 0; depth < 50; ++depth) {
    const auto size = static_cast<uint32_t>(value.size());
    const char head[5] = {'A', static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                          static_cast<char>(size >> 8), static_cast<char>(size)};
    value.insert(0, head, 5);
  }
  const std::string bytes = "\1n" + value;
  const auto texts = TextsOf(bytes);
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_EQ(texts[0].second, value.substr(5));
}

TEST(FieldTableTest, CutShortAnywhereIsNoTable) {
  std::vector<amqp_table_entry_t> entries = {Entry("name", 'S'), Entry("n", 'l')};
  entries[0].value.value.bytes = Bytes("value");
  entries[1].value.value.i64 = 1;
  const std::string whole = Encoded(entries);
  int tables = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    FieldTable table(std::string_view(whole).substr(0, size));
    while (table.Next().has_value()) {
    }
    tables += table.ok() ? 1 : 0;
  }
  EXPECT_EQ(tables, 2);  // nothing at all, and the first field alone
}

// Every mutation of a table of all kinds is read to its end, or refused, without reading outside of it (the sanitizers
// look on).
TEST(FieldTableTest, RandomMutationsAreReadOrRefused) {
  std::array<amqp_field_value_t, 2> elements{};
  elements[0].kind = 'd';
  elements[1].kind = 'D';
  std::array<amqp_table_entry_t, 2> inner = {Entry("a", 'A'), Entry("x", 'x')};
  inner[0].value.value.array = {2, elements.data()};
  inner[1].value.value.bytes = Bytes("bytes");
  std::vector<amqp_table_entry_t> entries = {Entry("f", 'F'), Entry("t", 't'), Entry("T", 'T'), Entry("u", 'u')};
  entries[0].value.value.table = {2, inner.data()};
  const std::string whole = Encoded(entries);
  const Random random(7);
  int refused = 0;
  for (uint64_t seed = 0; seed < 50000; ++seed) {
    std::string mutated = whole.substr(0, random.Below(1, {seed}, whole.size()) + 1);
    const uint64_t changes = random.Below(2, {seed}, 4);
    for (uint64_t k = 0; k < changes; ++k) {
      mutated[random.Below(3, {seed, k}, mutated.size())] = static_cast<char>(random.Below(4, {seed, k}, 256));
    }
    // At the end of memory of its own, so that a byte too far is seen.
    const std::vector<char> exact(mutated.begin(), mutated.end());
    FieldTable table({exact.data(), exact.size()});
    std::string text;
    while (const std::optional<Field> field = table.Next()) {
      AppendAsText(*field, text);
      static_cast<void>(IntegerOf(*field));
    }
    refused += table.ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 10000);
  EXPECT_LT(refused, 50000);
}

}  // namespace
}  // namespace millrace::bus
