#include "bus/rabbitmq/amqp_content.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "bus/rabbitmq/content_writer.h"
#include "bus/random.h"
#include "bus/segment.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string Text(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }

std::string PropertiesOf(const Message& message, uint64_t id) {
  ByteBuffer out;
  ContentWriter().AppendProperties(message, id, out);
  EXPECT_LE(out.size(), PropertiesBytesMax(message));
  return std::string(out.View());
}

struct Pool {
  Pool() { init_amqp_pool(&pool, 4096); }
  ~Pool() { empty_amqp_pool(&pool); }
  amqp_pool_t pool;
};

amqp_basic_properties_t Decoded(Pool& pool, const std::string& properties) {
  void* decoded = nullptr;
  EXPECT_EQ(amqp_decode_properties(AMQP_BASIC_CLASS, &pool.pool, Bytes(properties), &decoded), AMQP_STATUS_OK);
  return *static_cast<amqp_basic_properties_t*>(decoded);
}

std::string Encoded(amqp_basic_properties_t properties) {
  std::string bytes(1 << 16, '\0');
  const int size = amqp_encode_properties(AMQP_BASIC_CLASS, &properties, Bytes(bytes));
  EXPECT_GT(size, 0);
  bytes.resize(static_cast<size_t>(size));
  return bytes;
}

// As the server does when it adds a field: sorted by name, which is why mr_order exists.
std::string SortedByTheServer(const std::string& properties, uint32_t delivery_count) {
  Pool pool;
  amqp_basic_properties_t decoded = Decoded(pool, properties);
  std::vector<amqp_table_entry_t> entries(decoded.headers.entries,
                                          decoded.headers.entries + decoded.headers.num_entries);
  amqp_table_entry_t count{};
  count.key = Bytes("x-delivery-count");
  count.value.kind = 'l';
  count.value.value.i64 = delivery_count;
  entries.push_back(count);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return Text(a.key) < Text(b.key); });
  decoded.headers = {static_cast<int>(entries.size()), entries.data()};
  return Encoded(decoded);
}

struct Case {
  const char* name;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::optional<std::string> key;
  std::optional<std::string> body = "body";
  int64_t timestamp_ms = 1'700'000'000'123;
};

std::vector<Case> Cases() {
  std::vector<Case> cases = {
      {"nothing", {}, std::nullopt},
      {"ascending", {{"a", "1"}, {"b", "2"}}, "key"},
      {"descending", {{"z", "1"}, {"m", "2"}, {"a", "3"}}, "key"},
      {"envelope",
       {{"ce_specversion", "1.0"}, {"ce_id", "7"}, {"ce_source", "s"}, {"ce_type", "t"}, {"content-type", "x"}},
       "98178"},
      {"nulls", {{"b", std::nullopt}, {"a", ""}}, ""},
      {"duplicates", {{"a", "1"}, {"b", "2"}, {"a", "3"}}, "key"},
      {"odd bytes", {{"\xFF\xFE", std::string("\0\xC3\x28", 3)}, {"", "no name"}}, std::string("\0k", 2)},
      {"names of ours", {{"mr_key", "not it"}, {"mr_null", "1"}, {"mr_order", "x"}}, "key"},
      {"names of the server", {{"x-delivery-count", "9"}, {"timestamp_in_ms", "then"}}, std::nullopt},
      {"long name", {{std::string(300, 'n'), "v"}}, std::nullopt},
      {"tombstone", {{"b", "1"}, {"a", "2"}}, "key", std::nullopt},
      {"no time", {}, std::nullopt, "body", 0},
      {"old time", {}, std::nullopt, "body", -5},
  };
  // As many as are sorted in one way or another, and more than have an order.
  for (const auto& [name, count] :
       {std::pair{"few", 16}, {"more", 17}, {"most", 255}, {"too many", 256}, {"many", 400}}) {
    Case several{name, {}, "key"};
    for (int i = 0; i < count; ++i) {
      several.headers.emplace_back("h" + std::to_string((i * 7919) % 1000), std::to_string(i));
    }
    cases.push_back(several);
  }
  return cases;
}

TEST(AmqpContentTest, MessagesOfOursSurviveAlsoTheServersSorting) {
  for (const Case& c : Cases()) {
    HeaderBuilder headers;
    for (const auto& [name, value] : c.headers) headers.Add(name, value);
    Message message;
    if (c.key) message.key = *c.key;
    if (c.body) message.body = *c.body;
    message.headers = headers.View();
    message.timestamp_ms = c.timestamp_ms;
    const std::string properties = PropertiesOf(message, 42);
    ContentReader reader;
    const ReadContent read = reader.Read(properties, message.body.value_or(""));
    EXPECT_TRUE(SameContent(read.message, message)) << c.name;
    EXPECT_EQ(read.message_id, 42u);
    EXPECT_EQ(read.delivery_count, 0u);
    const std::string sorted = SortedByTheServer(properties, 3);
    const ReadContent again = reader.Read(sorted, message.body.value_or(""));
    EXPECT_TRUE(SameContent(again.message, message)) << c.name;
    EXPECT_EQ(again.delivery_count, 3u) << c.name;
  }
}

// What a writer remembers of the headers before changes nothing in what it writes.
TEST(AmqpContentTest, WhatWasWrittenBeforeDoesNotShow) {
  const std::vector<std::vector<std::string>> shapes = {
      {"a", "b", "c"},
      {"a", "b"},
      {"a", "b", "c", "d"},
      {"c", "b", "a"},
      {},
      {"a", "b", "a"},
      {"mr_key", "a"},
      {"b", "a", "c"},
      {"aa", "b", "c"},
      {"a", "", "c"},
      {std::string(300, 'n')},
      {"z", "y", "stage"},
      {std::string(26, 'l')},
      {std::string(27, 'l'), "a"},
      {"eighteig", "ninenine9", "sixteensixteen16", "seventeen-sevente", "four"},
      {"eighteIg", "ninenine9", "sixteensixteen16", "seventeen-sevente", "four"},
      {"eighteig", "ninenine8", "sixteensixteen16", "seventeen-sevente", "four"},
      {"eighteig", "ninenine9", "sixteen+ixteen16", "seventeen-sevente", "four"},
      {"eighteig", "ninenine9", "sixteensixteen16", "seventeen+sevente", "four"},
      {"eighteig", "ninenine9", "sixteensixteen16", "seventeen-sevente", "fout"}};
  const Random random(17);
  ContentWriter writer;
  uint64_t id = 0;
  for (uint64_t round = 0; round < 20000; ++round) {
    uint64_t draw = 0;
    const auto below = [&](uint64_t bound) { return random.Below(1, {round, draw++}, bound); };
    HeaderBuilder headers;
    // Mostly the same names again; now and then more than few.
    const auto& shape = shapes[below(4) == 0 ? below(shapes.size()) : round / 50 % shapes.size()];
    for (const std::string& name : shape) {
      if (below(5) == 0) {
        headers.Add(name, std::nullopt);
      } else {
        headers.Add(name, std::string(below(3) == 0 ? 0 : below(30), 'v'));
      }
    }
    if (below(50) == 0) {
      for (int more = 0; more < 20; ++more) headers.Add("more" + std::to_string(more), "");
    }
    const std::string key(below(40), 'k');
    Message message{.headers = headers.View(), .timestamp_ms = std::array<int64_t, 4>{0, 999, 1000, -1}[below(4)]};
    if (below(5) > 0) message.key = key;
    if (below(5) > 0) message.body = "body";
    // Mostly one more than before, across every number of digits; now and then another.
    id = below(100) == 0 ? std::array<uint64_t, 5>{0, 8, 98, 99'998, UINT64_MAX}[below(5)] : id + 1;
    ByteBuffer out;
    writer.AppendProperties(message, id, out);
    ASSERT_EQ(out.View(), PropertiesOf(message, id)) << round;
  }
}

// The same of headers whose values keep their lengths for a while: some values are the same in all, some in most, some in none. Now
// and then a name, a length or the number of headers is another, with as many bytes in all; and blocks are as small or large as is
// remembered, or a little more so.
TEST(AmqpContentTest, WhatHadTheSameLengthsBeforeDoesNotShow) {
  const Random random(23);
  ContentWriter writer;
  for (uint64_t round = 0; round < 2000; ++round) {
    uint64_t draw = 0;
    const auto below = [&](uint64_t bound) { return random.Below(3, {round, draw++}, bound); };
    struct Field {
      std::string name;
      std::optional<std::string> value;
      uint64_t differs;  // in one of so many; 0: never
    };
    std::vector<Field> fields(1 + below(below(4) == 0 ? 18 : 7));
    const size_t value_max = std::array<size_t, 4>{4, 20, 40, 80}[below(4)];
    for (size_t i = 0; i < fields.size(); ++i) {
      fields[i] = {.name = std::string(below(3) == 0 ? below(12) : 1 + below(3), 'n') + std::to_string((i * 7) % 20),
                   .value = std::nullopt,
                   .differs = std::array<uint64_t, 4>{0, 1, 2, 10}[below(4)]};
      if (below(8) > 0) fields[i].value = std::string(below(value_max), 'v');
    }
    // Where the last value makes it as long as the bounds of what is remembered, or a little longer or shorter.
    size_t bytes = 0;
    for (const Field& field : fields) bytes += 8 + field.name.size() + (field.value ? field.value->size() : 0);
    const size_t bound =
        std::array<size_t, 3>{HeaderStencil::kStep, 2 * HeaderStencil::kStep, HeaderStencil::kBlockMax}[below(3)] - 1 +
        below(3);
    if (below(2) == 0 && bytes < bound) {
      fields.back().value = fields.back().value.value_or("") + std::string(bound - bytes, 'v');
    }
    for (uint64_t id = 0; id < 12; ++id) {
      HeaderBuilder headers;
      std::vector<Field> now = fields;
      for (Field& field : now) {
        if (!field.value || field.value->empty() || field.differs == 0 || below(field.differs) > 0) continue;
        for (char& c : *field.value) c = static_cast<char>('a' + below(26));
      }
      Field& one = now[below(now.size())];
      switch (below(20)) {
        case 0:  // another name, or another length, of a value as long or less so
          one.name.back() = 'x';
          break;
        case 1:
          if (one.value && !one.value->empty()) {
            one.name += one.value->back();
            one.value->pop_back();
          }
          break;
        case 2:  // a header less, whose bytes another one has
          if (now.size() > 1) {
            Field& before = now[now.size() - 2];
            before.value =
                before.value.value_or("") + std::string(8, 'w') + now.back().name + now.back().value.value_or("");
            now.pop_back();
          }
          break;
        case 3:  // a null instead of nothing
          if (one.value && one.value->empty()) one.value.reset();
          break;
        default:
          break;
      }
      for (const Field& field : now) headers.Add(field.name, field.value);
      const std::string block(headers.View().block());
      const std::vector<char> exact(block.begin(), block.end());  // of its exact size, for sanitizers
      const Message message{.key = std::string_view("key").substr(0, below(4)),
                            .body = "body",
                            .headers = Headers({exact.data(), exact.size()}),
                            .timestamp_ms = 1'700'000'000'123};
      ByteBuffer out;
      writer.AppendProperties(message, id, out);
      ASSERT_EQ(out.View(), PropertiesOf(message, id)) << round << " " << id;
    }
  }
}

// What a reader remembers of the message before changes nothing in what it reads: fields in their order and in another, of
// all kinds, cut and broken.
TEST(AmqpContentTest, WhatWasReadBeforeDoesNotShow) {
  const std::vector<std::vector<std::string>> shapes = {{"a", "b", "c"},       {"ce_specversion", "ce_id", "ce_source"},
                                                        {"c", "b", "a"},       {"a", "b", "a"},
                                                        {"mr_key", "a"},       {},
                                                        {"x-death", "a"},      {std::string(61, 'n'), "a"},
                                                        {std::string(62, 'n')}};
  const Random random(29);
  ContentReader reader;
  ContentWriter writer;
  SegmentPool pool(4096);
  SegmentRef segment;
  uint64_t undecodable = 0, counted = 0;
  for (uint64_t round = 0; round < 60000; ++round) {
    uint64_t draw = 0;
    const auto below = [&](uint64_t bound) { return random.Below(2, {round, draw++}, bound); };
    HeaderBuilder headers;
    for (const std::string& name : shapes[below(5) == 0 ? below(shapes.size()) : round / 100 % shapes.size()]) {
      if (below(8) == 0) {
        headers.Add(name, std::nullopt);
      } else {
        headers.Add(name, std::string(below(40), 'v'));
      }
    }
    const std::string key(below(20), 'k');
    Message message{.headers = headers.View(), .timestamp_ms = below(4) == 0 ? 0 : 1'700'000'000'123};
    if (below(6) > 0) message.key = key;
    ByteBuffer out;
    writer.AppendProperties(message, round, out);
    std::string bytes(out.View());
    if (below(20) == 0) bytes = SortedByTheServer(bytes, static_cast<uint32_t>(below(3)));
    const uint64_t changes = below(4) == 0 ? below(3) : 0;
    for (uint64_t k = 0; k < changes; ++k) {
      // Kinds and lengths become others; or any byte does.
      bytes[below(bytes.size())] = below(2) == 0 ? "tbBsuIilLfdDSxATFV"[below(18)] : static_cast<char>(below(256));
    }
    if (below(30) == 0) bytes.resize(below(bytes.size()));
    const std::vector<char> properties(bytes.begin(), bytes.end());  // of its exact size, for sanitizers
    const std::string body(below(3) == 0 ? below(9000) : below(300), 'b');
    ContentReader fresh;
    const ReadContent anew = fresh.Read({properties.data(), properties.size()}, body);
    const ReadContent read = reader.Read({properties.data(), properties.size()}, body, pool, segment);
    ASSERT_TRUE(Headers::Valid(read.message.headers.block())) << round;
    ASSERT_TRUE(SameContent(read.message, anew.message)) << round;
    ASSERT_EQ(read.delivery_count, anew.delivery_count) << round;
    undecodable += anew.message.headers.Find("amqp_undecodable").has_value() ? 1 : 0;
    counted += anew.delivery_count > 0 ? 1 : 0;
  }
  EXPECT_GT(undecodable, 2000u);
  EXPECT_LT(undecodable, 20000u);
  EXPECT_GT(counted, 1000u);
}

// What was read before stays as it was, in one segment and the next.
TEST(AmqpContentTest, MessagesShareSegments) {
  HeaderBuilder headers;
  headers.Add("b", "1").Add("a", std::nullopt).Add("c", std::string(40, 'v'));
  const Message message{.key = "key", .body = "", .headers = headers.View(), .timestamp_ms = 1'700'000'000'123};
  const std::string properties = PropertiesOf(message, 1);
  SegmentPool pool(4096);
  SegmentRef segment;
  ContentReader reader;
  std::vector<std::pair<ReadContent, SegmentRef>> kept;
  for (size_t i = 0; i < 100; ++i) {
    const std::string body(i % 10 == 9 ? 5000 : i, static_cast<char>('a' + i % 26));
    const ReadContent read = reader.Read(properties, body, pool, segment);
    kept.emplace_back(read, segment);
  }
  for (size_t i = 0; i < 100; ++i) {
    Message expected = message;
    const std::string body(i % 10 == 9 ? 5000 : i, static_cast<char>('a' + i % 26));
    expected.body = body;
    EXPECT_TRUE(SameContent(kept[i].first.message, expected)) << i;
  }
  // As many as fit lie in one.
  EXPECT_TRUE(kept[10].second == kept[11].second);
}

TEST(AmqpContentTest, OthersSeeOurHeadersAsFieldsAndTheMessageAsDurable) {
  HeaderBuilder headers;
  headers.Add("ce_id", "7").Add("note", std::nullopt);
  const Message message{.key = "k", .body = "b", .headers = headers.View(), .timestamp_ms = 1'700'000'000'123};
  Pool pool;
  const std::string bytes = PropertiesOf(message, 1);
  const amqp_basic_properties_t properties = Decoded(pool, bytes);
  EXPECT_EQ(properties.delivery_mode, 2);
  EXPECT_EQ(properties.timestamp, 1'700'000'000u);
  EXPECT_EQ(Text(properties.app_id), "millrace");
  ASSERT_GE(properties.headers.num_entries, 3);
  EXPECT_EQ(Text(properties.headers.entries[1].key), "ce_id");
  EXPECT_EQ(Text(properties.headers.entries[1].value.value.bytes), "7");
  EXPECT_EQ(properties.headers.entries[2].value.kind, 'V');
}

TEST(AmqpContentTest, OfOthersFieldsAndPropertiesBecomeHeaders) {
  std::array<amqp_table_entry_t, 3> entries{};
  entries[0].key = Bytes("retries");
  entries[0].value.kind = 'I';
  entries[0].value.value.i32 = 3;
  entries[1].key = Bytes("x-delivery-count");
  entries[1].value.kind = 'l';
  entries[1].value.value.i64 = 2;
  entries[2].key = Bytes("nothing");
  entries[2].value.kind = 'V';
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                      AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_TYPE_FLAG;
  properties.headers = {3, entries.data()};
  properties.content_type = Bytes("text/plain");
  properties.message_id = Bytes("order-17");
  properties.timestamp = 1'700'000'000;
  properties.priority = 4;
  properties.type = Bytes("created");
  ContentReader reader;
  const std::string bytes = Encoded(properties);
  const ReadContent read = reader.Read(bytes, "hello");
  EXPECT_EQ(read.delivery_count, 2u);
  EXPECT_EQ(read.message.body, "hello");
  EXPECT_EQ(read.message.key, std::nullopt);
  EXPECT_EQ(read.message.timestamp_ms, 1'700'000'000'000);
  HeaderBuilder expected;
  expected.Add("retries", "3").Add("nothing", std::nullopt).Add("content-type", "text/plain");
  expected.Add("amqp_message_id", "order-17").Add("amqp_type", "created").Add("amqp_priority", "4");
  EXPECT_EQ(read.message.headers.block(), expected.View().block());
}

TEST(AmqpContentTest, AMessageWithoutPropertiesIsItsBody) {
  ContentReader reader;
  const ReadContent read = reader.Read(std::string_view("\0\0", 2), "hello");
  EXPECT_EQ(read.message.body, "hello");
  EXPECT_TRUE(read.message.headers.block().empty());
  EXPECT_EQ(read.message.timestamp_ms, 0);
}

TEST(AmqpContentTest, PropertiesThatMakeNoSenseAreKeptAsOneHeader) {
  ContentReader reader;
  const std::string garbage("\xFF\xFCgarbage", 9);
  const ReadContent read = reader.Read(garbage, "hello");
  EXPECT_EQ(read.message.body, "hello");
  EXPECT_EQ(read.message.headers.Find("amqp_undecodable"), garbage);
}

TEST(AmqpContentTest, RandomMutationsAreReadOrKept) {
  HeaderBuilder headers;
  headers.Add("z", "1").Add("a", std::nullopt).Add("m", std::string(40, 'v'));
  const Message message{.key = "key", .body = "body", .headers = headers.View(), .timestamp_ms = 1'700'000'000'123};
  const std::string whole = SortedByTheServer(PropertiesOf(message, 5), 1);
  const Random random(11);
  ContentReader reader;
  int undecodable = 0;
  for (uint64_t seed = 0; seed < 50000; ++seed) {
    std::string mutated = whole.substr(0, whole.size() - random.Below(1, {seed}, 5));
    const uint64_t changes = random.Below(2, {seed}, 4);
    for (uint64_t k = 0; k < changes; ++k) {
      mutated[random.Below(3, {seed, k}, mutated.size())] = static_cast<char>(random.Below(4, {seed, k}, 256));
    }
    const std::vector<char> exact(mutated.begin(), mutated.end());
    const ReadContent read = reader.Read({exact.data(), exact.size()}, "body");
    ASSERT_TRUE(Headers::Valid(read.message.headers.block()));
    undecodable += read.message.headers.Find("amqp_undecodable").has_value() ? 1 : 0;
  }
  EXPECT_GT(undecodable, 10000);
  EXPECT_LT(undecodable, 50000);
}

}  // namespace
}  // namespace millrace::bus
