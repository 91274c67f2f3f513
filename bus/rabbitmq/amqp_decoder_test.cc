// What a server, or something that is none, can send: all of it ends in events or in words.
#include "bus/rabbitmq/amqp_decoder.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <string>
#include <vector>

#include "bus/random.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

template <class Method>
std::string Frame(uint16_t channel, uint32_t method, Method decoded) {
  ByteBuffer out;
  AppendMethod(channel, method, &decoded, out);
  return std::string(out.View());
}

std::string RawFrame(uint8_t type, uint16_t channel, std::string_view payload, uint8_t end = kFrameEnd) {
  char head[7];
  Put32(Put16(Put8(head, type), channel), static_cast<uint32_t>(payload.size()));
  std::string frame(head, sizeof(head));
  frame.append(payload);
  frame.push_back(static_cast<char>(end));
  return frame;
}

std::string Start() {
  return Frame(0, AMQP_CONNECTION_START_METHOD,
               amqp_connection_start_t{.version_minor = 9, .mechanisms = Bytes("PLAIN"), .locales = Bytes("en_US")});
}
std::string Tune(uint32_t frame_max = 4096) {
  return Frame(0, AMQP_CONNECTION_TUNE_METHOD,
               amqp_connection_tune_t{.channel_max = 100, .frame_max = frame_max, .heartbeat = 60});
}
std::string OpenOk() { return Frame(0, AMQP_CONNECTION_OPEN_OK_METHOD, amqp_connection_open_ok_t{}); }
std::string Delivery(std::string_view body, uint64_t tag = 1) {
  ByteBuffer out;
  amqp_basic_deliver_t deliver{.consumer_tag = Bytes("1"), .delivery_tag = tag, .exchange = Bytes("x")};
  AppendMethod(3, AMQP_BASIC_DELIVER_METHOD, &deliver, out);
  HeaderBuilder headers;
  headers.Add("b", "1").Add("a", std::nullopt);
  ContentWriter writer;
  AppendContent(3, {.key = "k", .body = body, .headers = headers.View(), .timestamp_ms = 5}, 7, 4096, writer, out);
  return std::string(out.View());
}

class AmqpDecoderTest : public ::testing::Test {
 protected:
  bool Take(std::string_view bytes) {
    decoder.input().Append(bytes);
    return decoder.Decode(events, out);
  }
  void Open() {
    ASSERT_TRUE(Take(Start() + Tune() + OpenOk()));
    ASSERT_EQ(events.back().kind, EventKind::kConnectionOpened);
    events.clear();
  }
  std::string Words() const { return events.empty() ? "" : events.back().text; }

  AmqpDecoder decoder{AmqpOptions{.user = "u", .password = "s3cret"}};
  std::vector<Event> events;
  ByteBuffer out;
};

TEST_F(AmqpDecoderTest, TheHandshakeAgreesOnTheSmaller) {
  Open();
  EXPECT_EQ(decoder.agreement().frame_max, 4096u);
  EXPECT_EQ(decoder.agreement().channel_max, 100u);
  EXPECT_EQ(decoder.agreement().heartbeat, std::chrono::seconds(5));
  EXPECT_NE(out.View().find(std::string_view("\0u\0s3cret", 9)), std::string_view::npos);
  EXPECT_NE(out.View().find("consumer_cancel_notify"), std::string_view::npos);
}

TEST_F(AmqpDecoderTest, ByteByByteIsTheSame) {
  Open();
  const std::string bytes = Delivery(std::string(10000, 'x')) + Delivery("", 2) + Delivery("y", 3);
  for (const char byte : bytes) ASSERT_TRUE(Take({&byte, 1}));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].message.body, std::string(10000, 'x'));
  EXPECT_EQ(events[1].message.body, "");
  EXPECT_EQ(events[2].message.key, "k");
  EXPECT_EQ(events[2].tag, 3u);
  EXPECT_EQ(events[2].channel, 3u);
  EXPECT_EQ(decoder.LastTag(3), 3u);
}

TEST_F(AmqpDecoderTest, WhatIsNoAmqpIsSaid) {
  EXPECT_FALSE(Take("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_NE(Words().find("does not speak AMQP; it says \"HTTP/1.1 400"), std::string::npos) << Words();
}

TEST_F(AmqpDecoderTest, AnotherAmqpIsSaid) {
  EXPECT_TRUE(Take("AMQ"));
  EXPECT_FALSE(Take(std::string_view("P\3\1\0\0", 5)));
  EXPECT_NE(Words().find("it offers 1.0.0"), std::string::npos) << Words();
}

TEST_F(AmqpDecoderTest, FramesBeyondWhatWasAgreedEndTheConnection) {
  Open();
  EXPECT_FALSE(Take(RawFrame(kBodyFrame, 1, std::string(5000, 'x'))));
  EXPECT_NE(Words().find("a frame of 5008 bytes; agreed are at most 4096"), std::string::npos) << Words();
}

TEST_F(AmqpDecoderTest, FramesOutOfPlaceEndTheConnection) {
  const std::vector<std::string> bad = {
      RawFrame(kBodyFrame, 1, "body"),
      RawFrame(kHeaderFrame, 1, std::string(14, '\0')),
      RawFrame(kMethodFrame, 1, "abc"),
      RawFrame(kMethodFrame, 1, "unknown method"),
      RawFrame(77, 1, ""),
      RawFrame(kHeartbeatFrame, 0, "", 0x00),
      Frame(1, AMQP_BASIC_PUBLISH_METHOD, amqp_basic_publish_t{}),
      Delivery("body").substr(0, 30) + RawFrame(kBodyFrame, 3, "body"),
  };
  for (const std::string& bytes : bad) {
    AmqpDecoder fresh{AmqpOptions{}};
    std::vector<Event> told;
    fresh.input().Append(Start() + Tune() + OpenOk());
    ASSERT_TRUE(fresh.Decode(told, out));
    fresh.input().Append(bytes);
    // One of them is cut in the middle of a frame, so more is needed to see it.
    fresh.input().Append(std::string(8192, '\xFF'));
    EXPECT_FALSE(fresh.Decode(told, out));
    EXPECT_EQ(told.back().kind, EventKind::kConnectionClosed);
    EXPECT_FALSE(told.back().text.empty());
  }
}

TEST_F(AmqpDecoderTest, MoreOfABodyThanAnnouncedEndsTheConnection) {
  Open();
  EXPECT_FALSE(Take(Delivery("body").substr(0, Delivery("body").size() - 12) + RawFrame(kBodyFrame, 3, "too long")));
  EXPECT_NE(Words().find("more of a message than it announced"), std::string::npos) << Words();
}

TEST_F(AmqpDecoderTest, AnythingBeforeTheConnectionIsOpenIsOutOfTurn) {
  EXPECT_FALSE(Take(Delivery("x")));
  EXPECT_NE(Words().find("before the connection was open"), std::string::npos) << Words();
  decoder.Reset();
  EXPECT_FALSE(Take(OpenOk()));
  EXPECT_NE(Words().find("out of turn"), std::string::npos) << Words();
}

TEST_F(AmqpDecoderTest, AServerThatGoesWithoutAWordIsExplainedByTheStage) {
  EXPECT_NE(decoder.WhyEnded().find("without a word"), std::string::npos);
  ASSERT_TRUE(Take(Start()));
  EXPECT_NE(decoder.WhyEnded().find("at the login: user 'u'"), std::string::npos);
  EXPECT_EQ(decoder.WhyEnded().find("s3cret"), std::string::npos);
  ASSERT_TRUE(Take(Tune()));
  EXPECT_NE(decoder.WhyEnded().find("virtual host '/'"), std::string::npos);
}

TEST_F(AmqpDecoderTest, AReturnComesWithItsMessageId) {
  Open();
  ByteBuffer bytes;
  amqp_basic_return_t returned{.reply_code = 312, .reply_text = Bytes("NO_ROUTE"), .exchange = Bytes("x")};
  AppendMethod(1, AMQP_BASIC_RETURN_METHOD, &returned, bytes);
  ContentWriter writer;
  AppendContent(1, {.body = "b"}, 99, 4096, writer, bytes);
  ASSERT_TRUE(Take(bytes.View()));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::kReturned);
  EXPECT_EQ(events[0].message_id, 99u);
  EXPECT_EQ(events[0].code, 312u);
}

// As one piece, where header and body come together, and as pieces of any size: the same events.
TEST_F(AmqpDecoderTest, HowBytesArriveDoesNotShow) {
  std::string session;
  for (uint64_t tag = 1; tag < 6; ++tag) session += Delivery(std::string(tag == 3 ? 9000 : tag * 100, 'b'), tag);
  session += Frame(3, AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t{.delivery_tag = 4, .multiple = 1});
  session += Delivery("", 6) + Delivery("end", 7);
  const Random random(31);
  int over = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    std::string mutated = session;
    const uint64_t changes = random.Below(1, {seed}, 3);
    for (uint64_t k = 0; k < changes; ++k) {
      // The heads of frames and what stands before bodies more often than bodies.
      const size_t at = random.Below(2, {seed, k}, 2) == 0 ? random.Below(3, {seed, k}, 200)
                                                           : random.Below(4, {seed, k}, mutated.size());
      mutated[at] = static_cast<char>(random.Below(5, {seed, k}, 256));
    }
    std::vector<Event> told[2];
    bool alive[2] = {true, true};
    for (const int way : {0, 1}) {
      AmqpDecoder fresh{AmqpOptions{}};
      ByteBuffer answers;
      fresh.input().Append(Start() + Tune() + OpenOk());
      ASSERT_TRUE(fresh.Decode(told[way], answers));
      for (size_t at = 0; at < mutated.size() && alive[way];) {
        const size_t piece = way == 0 ? mutated.size() : 1 + random.Below(6, {seed, at}, 300);
        fresh.input().Append(std::string_view(mutated).substr(at, piece));
        at += piece;
        alive[way] = fresh.Decode(told[way], answers);
      }
    }
    ASSERT_EQ(alive[0], alive[1]) << seed;
    ASSERT_EQ(told[0].size(), told[1].size()) << seed;
    for (size_t i = 0; i < told[0].size(); ++i) {
      ASSERT_EQ(told[0][i].kind, told[1][i].kind) << seed;
      ASSERT_EQ(told[0][i].channel, told[1][i].channel) << seed;
      ASSERT_EQ(told[0][i].tag, told[1][i].tag) << seed;
      ASSERT_EQ(told[0][i].text, told[1][i].text) << seed;
      ASSERT_TRUE(SameContent(told[0][i].message, told[1][i].message)) << seed;
    }
    over += alive[0] ? 0 : 1;
  }
  EXPECT_GT(over, 150);
}

TEST_F(AmqpDecoderTest, DeliveriesThatAreCutShortEndTheConnection) {
  const std::string whole = Delivery("body");
  const size_t size = Get32(whole.data() + 3);
  for (size_t kept = 0; kept < size; ++kept) {
    AmqpDecoder fresh{AmqpOptions{}};
    std::vector<Event> told;
    fresh.input().Append(Start() + Tune() + OpenOk() + RawFrame(kMethodFrame, 3, whole.substr(7, kept)));
    EXPECT_FALSE(fresh.Decode(told, out)) << kept;
    EXPECT_FALSE(told.back().text.empty()) << kept;
  }
}

// Whole sessions with a few bytes changed: no crash, no endless loop, and once over it stays over.
TEST_F(AmqpDecoderTest, RandomMutationsOfASession) {
  std::string session = Start() + Tune() + OpenOk();
  session += Frame(3, AMQP_CHANNEL_OPEN_OK_METHOD, amqp_channel_open_ok_t{});
  session += Frame(3, AMQP_BASIC_CONSUME_OK_METHOD, amqp_basic_consume_ok_t{.consumer_tag = Bytes("1")});
  for (uint64_t tag = 1; tag < 6; ++tag) session += Delivery(std::string(tag * 300, 'b'), tag);
  session += Frame(3, AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t{.delivery_tag = 4, .multiple = 1});
  session += Frame(0, AMQP_CONNECTION_BLOCKED_METHOD, amqp_connection_blocked_t{.reason = Bytes("low on memory")});
  session += Frame(3, AMQP_CHANNEL_CLOSE_METHOD, amqp_channel_close_t{.reply_code = 406, .reply_text = Bytes("why")});
  const Random random(23);
  int over = 0;
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    std::string mutated = session;
    const uint64_t changes = 1 + random.Below(1, {seed}, 4);
    for (uint64_t k = 0; k < changes; ++k) {
      mutated[random.Below(2, {seed, k}, mutated.size())] = static_cast<char>(random.Below(3, {seed, k}, 256));
    }
    AmqpDecoder fresh{AmqpOptions{}};
    std::vector<Event> told;
    ByteBuffer answers;
    bool alive = true;
    for (size_t at = 0; at < mutated.size() && alive;) {
      const size_t piece = 1 + random.Below(4, {seed, at}, 700);
      fresh.input().Append(std::string_view(mutated).substr(at, piece));
      at += piece;
      alive = fresh.Decode(told, answers);
    }
    if (alive) continue;
    ++over;
    ASSERT_EQ(told.back().kind, EventKind::kConnectionClosed);
    ASSERT_FALSE(fresh.Decode(told, answers));
  }
  EXPECT_GT(over, 1000);
}

}  // namespace
}  // namespace millrace::bus
