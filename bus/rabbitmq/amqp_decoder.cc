#include "bus/rabbitmq/amqp_decoder.h"

#include <amqp.h>
#include <amqp_framing.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace millrace::bus {
namespace {

constexpr size_t kSegmentBytes = 32 << 10;
constexpr uint32_t kFrameMin = 4096;

std::string_view View(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }
amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

uint32_t NumberOf(std::string_view text) {
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string TextIn(const amqp_table_t& table, std::string_view name) {
  for (int i = 0; i < table.num_entries; ++i) {
    const amqp_table_entry_t& entry = table.entries[i];
    if (View(entry.key) == name && entry.value.kind == AMQP_FIELD_KIND_UTF8) {
      return std::string(View(entry.value.value.bytes));
    }
  }
  return "";
}

amqp_table_entry_t TextEntry(std::string_view name, std::string_view value) {
  amqp_table_entry_t entry;
  entry.key = Bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = Bytes(value);
  return entry;
}

amqp_table_entry_t TrueEntry(std::string_view name) {
  amqp_table_entry_t entry;
  entry.key = Bytes(name);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

// For a message to people: the bytes that can be shown, a few of them.
std::string Shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 40)) text.push_back(c >= 0x20 && c < 0x7F ? c : '.');
  return text;
}

}  // namespace

struct AmqpDecoder::Memory {
  Memory() { init_amqp_pool(&pool, 4096); }
  ~Memory() { empty_amqp_pool(&pool); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  amqp_pool_t pool;
};

AmqpDecoder::AmqpDecoder(const AmqpOptions& options)
    : options_(options), memory_(std::make_unique<Memory>()), pool_(kSegmentBytes) {
  Reset();
}

void AmqpDecoder::Reset() {
  agreement_ = {};
  agreement_.frame_max = std::max(options_.frame_max, kFrameMin);
  state_ = State::kStart;
  first_ = true;
  input_.Clear();
  contents_.clear();
}

AmqpDecoder::~AmqpDecoder() = default;

void AmqpDecoder::Start(ByteBuffer& out) { out.Append(std::string_view("AMQP\0\0\x09\x01", 8)); }

// ---------------------------------------------------------------- frames

bool AmqpDecoder::CheckFirstBytes(std::string_view bytes) {
  constexpr std::string_view kGreeting = "AMQP";
  if (bytes.substr(0, 4) == kGreeting.substr(0, bytes.size())) {
    if (bytes.size() < 8) return true;
    const auto digit = [&](size_t i) { return std::to_string(static_cast<unsigned char>(bytes[i])); };
    return Fail("the server speaks another AMQP than 0-9-1: it offers " + digit(5) + "." + digit(6) + "." + digit(7) +
                " (protocol " + digit(4) + "); RabbitMQ speaks 0-9-1");
  }
  if (bytes[0] == static_cast<char>(kMethodFrame)) return true;
  // A record of TLS: an alert, or the beginning of a handshake.
  if ((bytes[0] == 21 || bytes[0] == 22) && (bytes.size() < 2 || bytes[1] == 3))
    return Fail(
        "this port is for TLS; connect with amqps://, and cacertfile=PATH where its certificate is no public one");
  return Fail("what answers on this port does not speak AMQP; it says \"" + Shown(bytes) + "\"");
}

bool AmqpDecoder::Decode(std::vector<Event>& events, ByteBuffer& out) {
  if (state_ == State::kOver) return false;
  events_ = &events;
  out_ = &out;
  bool alive = true;
  while (alive) {
    const std::string_view bytes = input_.View();
    if (first_ && !bytes.empty()) {
      alive = CheckFirstBytes(bytes);
      if (!alive || bytes[0] == 'A') break;
    }
    if (bytes.size() < 7) break;
    const size_t size = Get32(bytes.data() + 3);
    if (size + kFrameOverhead > agreement_.frame_max) {
      alive = Fail("the server has sent a frame of " + std::to_string(size + kFrameOverhead) +
                   " bytes; agreed are at most " + std::to_string(agreement_.frame_max));
      break;
    }
    if (bytes.size() < size + kFrameOverhead) break;
    if (bytes[7 + size] != static_cast<char>(kFrameEnd)) {
      alive = Fail("the server has sent a frame that does not end where it says");
      break;
    }
    first_ = false;
    taken_ = size + kFrameOverhead;
    alive = OnFrame(static_cast<uint8_t>(bytes[0]), Get16(bytes.data() + 1), bytes.substr(7, size),
                    bytes.substr(size + kFrameOverhead));
    input_.RemovePrefix(taken_);
  }
  events_ = nullptr;
  out_ = nullptr;
  return alive;
}

bool AmqpDecoder::OnFrame(uint8_t type, uint16_t channel, std::string_view payload, std::string_view behind) {
  switch (type) {
    case kMethodFrame:
      return OnMethod(channel, payload);
    case kHeaderFrame:
      return OnHeader(channel, payload, behind);
    case kBodyFrame:
      return OnBody(channel, payload);
    case kHeartbeatFrame:
      if (state_ == State::kOpen) Tell(EventKind::kHeartbeat, 0);
      return true;
    default:
      return Fail("the server has sent a frame of unknown type " + std::to_string(type));
  }
}

bool AmqpDecoder::Fail(std::string why) {
  state_ = State::kOver;
  Event& event = events_->emplace_back();
  event.kind = EventKind::kConnectionClosed;
  event.text = std::move(why);
  return false;
}

std::string AmqpDecoder::WhyEnded() const {
  switch (state_) {
    case State::kStart:
      return "the server ended the connection without a word: it may be overloaded, want TLS on this port "
             "(amqps://), or be another program";
    case State::kTune:
      if (options_.external_login)
        return "the server ended the connection at the login: it may know no user of the certificate's name";
      return "the server ended the connection at the login: user '" + options_.user + "' or the password may be wrong";
    case State::kOpenOk:
      return "the server ended the connection at the opening of virtual host '" + options_.vhost + "'";
    case State::kOpen:
    case State::kOver:
      return "the connection was cut";
  }
  return "";
}

uint64_t AmqpDecoder::LastTag(uint16_t channel) const {
  const Content* const content = ContentOf(channel);
  return content == nullptr ? 0 : content->last_tag;
}

AmqpDecoder::Content& AmqpDecoder::Expect(uint16_t channel) {
  if (channel >= contents_.size()) contents_.resize(channel + size_t{1});
  std::unique_ptr<Content>& content = contents_[channel];
  if (content == nullptr) content = std::make_unique<Content>();
  content->next = Content::Next::kHeader;
  return *content;
}

void AmqpDecoder::Forget(uint16_t channel) {
  if (channel < contents_.size()) contents_[channel].reset();
}

Event& AmqpDecoder::Tell(EventKind kind, uint16_t channel) {
  Event& event = events_->emplace_back();
  event.kind = kind;
  event.channel = channel;
  return event;
}

// ---------------------------------------------------------------- methods

// Rabbitmq-c decodes into memory of its own, which takes longer than all the rest of a message's method.
bool AmqpDecoder::OnFrequentMethod(uint16_t channel, std::string_view payload) {
  if (state_ != State::kOpen || channel == 0 || payload.size() < 4) return false;
  const uint32_t method = Get32(payload.data());
  payload.remove_prefix(4);
  if (method == AMQP_BASIC_ACK_METHOD) {
    if (payload.size() < 9) return false;
    Event& event = Tell(EventKind::kAcked, channel);
    event.tag = Get64(payload.data());
    event.multiple = (payload[8] & 1) != 0;
    return true;
  }
  if (method != AMQP_BASIC_DELIVER_METHOD || payload.empty()) return false;
  const size_t tag_at = 1 + size_t{static_cast<unsigned char>(payload[0])};
  if (payload.size() < tag_at + 10) return false;
  // Exchange and routing key are there, and nothing to us.
  const size_t key_at = tag_at + 10 + static_cast<unsigned char>(payload[tag_at + 9]);
  if (payload.size() <= key_at || payload.size() <= key_at + static_cast<unsigned char>(payload[key_at])) return false;
  Content& content = Expect(channel);
  content.returned = false;
  content.redelivered = (payload[tag_at + 8] & 1) != 0;
  content.consumer = NumberOf(payload.substr(1, tag_at - 1));
  content.tag = Get64(payload.data() + tag_at);
  return true;
}

bool AmqpDecoder::OnMethod(uint16_t channel, std::string_view payload) {
  if (OnFrequentMethod(channel, payload)) return true;
  if (payload.size() < 4) return Fail("the server has sent a method of less than 4 bytes");
  const uint32_t method = Get32(payload.data());
  void* decoded = nullptr;
  recycle_amqp_pool(&memory_->pool);
  const int status = amqp_decode_method(method, &memory_->pool, Bytes(payload.substr(4)), &decoded);
  if (status < 0) {
    return Fail("the server has sent method " + std::to_string(method >> 16) + "." + std::to_string(method & 0xFFFF) +
                ", which cannot be read: " + amqp_error_string2(status));
  }
  if (channel == 0) {
    return state_ == State::kOpen || method == AMQP_CONNECTION_CLOSE_METHOD ? OnConnectionMethod(method, decoded)
                                                                            : OnHandshake(method, decoded);
  }
  if (state_ != State::kOpen) return Fail("the server has sent something on a channel before the connection was open");
  return OnChannelMethod(channel, method, decoded);
}

bool AmqpDecoder::OnHandshake(uint32_t method, void* decoded) {
  if (state_ == State::kStart && method == AMQP_CONNECTION_START_METHOD) return OnStart(decoded);
  if (state_ == State::kTune && method == AMQP_CONNECTION_TUNE_METHOD) return OnTune(decoded);
  if (state_ == State::kOpenOk && method == AMQP_CONNECTION_OPEN_OK_METHOD) {
    state_ = State::kOpen;
    Tell(EventKind::kConnectionOpened, 0);
    return true;
  }
  return Fail("the server has sent method " + std::to_string(method >> 16) + "." + std::to_string(method & 0xFFFF) +
              " out of turn while the connection was being opened");
}

bool AmqpDecoder::OnStart(const void* decoded) {
  const auto& start = *static_cast<const amqp_connection_start_t*>(decoded);
  const std::string_view mechanisms = View(start.mechanisms);
  const std::string mechanism = options_.external_login ? "EXTERNAL" : "PLAIN";
  if ((" " + std::string(mechanisms) + " ").find(" " + mechanism + " ") == std::string::npos) {
    return Fail(std::string("the server takes no login by ") +
                (options_.external_login ? "certificate (EXTERNAL)" : "name and password (PLAIN)") + "; it offers " +
                Shown(mechanisms));
  }
  const std::string product = TextIn(start.server_properties, "product");
  const std::string version = TextIn(start.server_properties, "version");
  agreement_.server = product + " " + version;
  agreement_.declare_unlimited = product == "RabbitMQ" && NumberOf(version) >= 4;
  const size_t dot = version.find('.');
  const uint32_t minor = dot == std::string::npos ? 0 : NumberOf(std::string_view(version).substr(dot + 1));
  agreement_.dead_letters_once = product == "RabbitMQ" && NumberOf(version) == 3 && minor < 10;

  std::array<amqp_table_entry_t, 5> capabilities = {
      TrueEntry("publisher_confirms"), TrueEntry("basic.nack"), TrueEntry("consumer_cancel_notify"),
      TrueEntry("connection.blocked"), TrueEntry("authentication_failure_close")};
  std::array<amqp_table_entry_t, 3> properties = {
      TextEntry("product", "Millrace"), TextEntry("connection_name", options_.connection_name), {}};
  properties[2].key = Bytes("capabilities");
  properties[2].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[2].value.value.table = {static_cast<int>(capabilities.size()), capabilities.data()};
  std::string response;  // of EXTERNAL nothing: the certificate has said it
  if (!options_.external_login) {
    response.push_back('\0');
    response.append(options_.user).push_back('\0');
    response.append(options_.password);
  }
  amqp_connection_start_ok_t ok{.client_properties = {static_cast<int>(properties.size()), properties.data()},
                                .mechanism = Bytes(mechanism),
                                .response = Bytes(response),
                                .locale = Bytes("en_US")};
  AppendMethod(0, AMQP_CONNECTION_START_OK_METHOD, &ok, *out_);
  state_ = State::kTune;
  return true;
}

bool AmqpDecoder::OnTune(const void* decoded) {
  const auto& tune = *static_cast<const amqp_connection_tune_t*>(decoded);
  if (tune.frame_max != 0) agreement_.frame_max = std::min(agreement_.frame_max, std::max(tune.frame_max, kFrameMin));
  if (tune.channel_max != 0) agreement_.channel_max = std::min<uint16_t>(kChannelMax, tune.channel_max);
  const int64_t ours = std::chrono::duration_cast<std::chrono::seconds>(options_.heartbeat).count();
  const int64_t heartbeat = ours == 0 || tune.heartbeat == 0 ? ours : std::min<int64_t>(ours, tune.heartbeat);
  agreement_.heartbeat = std::chrono::seconds(heartbeat);
  amqp_connection_tune_ok_t ok{.channel_max = agreement_.channel_max,
                               .frame_max = agreement_.frame_max,
                               .heartbeat = static_cast<uint16_t>(heartbeat)};
  AppendMethod(0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok, *out_);
  amqp_connection_open_t open{.virtual_host = Bytes(options_.vhost)};
  AppendMethod(0, AMQP_CONNECTION_OPEN_METHOD, &open, *out_);
  state_ = State::kOpenOk;
  return true;
}

bool AmqpDecoder::OnConnectionMethod(uint32_t method, void* decoded) {
  switch (method) {
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto& close = *static_cast<const amqp_connection_close_t*>(decoded);
      amqp_connection_close_ok_t ok{};
      AppendMethod(0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok, *out_);
      // Its reply to who was refused does not say what the name was.
      const bool no_user = state_ == State::kTune && options_.external_login;
      Fail("the server closed the connection: " + std::string(View(close.reply_text)) +
           (no_user ? "; the login is the certificate, certfile=" + options_.tls.certfile +
                          ": the server wants a user of its name (rabbitmqctl add_user, set_permissions)"
                    : ""));
      events_->back().code = close.reply_code;
      return false;
    }
    case AMQP_CONNECTION_CLOSE_OK_METHOD:
      Fail("closed by the client");
      events_->back().code = 200;
      return false;
    case AMQP_CONNECTION_BLOCKED_METHOD:
      Tell(EventKind::kBlocked, 0).text = View(static_cast<const amqp_connection_blocked_t*>(decoded)->reason);
      return true;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      Tell(EventKind::kUnblocked, 0);
      return true;
    default:
      return true;  // nothing that concerns us
  }
}

bool AmqpDecoder::OnChannelMethod(uint16_t channel, uint32_t method, void* decoded) {
  switch (method) {
    case AMQP_BASIC_RETURN_METHOD: {
      const auto& returned = *static_cast<const amqp_basic_return_t*>(decoded);
      Content& content = Expect(channel);
      content.returned = true;
      content.code = returned.reply_code;
      content.text = View(returned.reply_text);
      return true;
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto& nack = *static_cast<const amqp_basic_nack_t*>(decoded);
      Event& event = Tell(EventKind::kNacked, channel);
      event.tag = nack.delivery_tag;
      event.multiple = nack.multiple != 0;
      return true;
    }
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto& close = *static_cast<const amqp_channel_close_t*>(decoded);
      Forget(channel);
      Event& event = Tell(EventKind::kChannelClosed, channel);
      event.code = close.reply_code;
      event.text = View(close.reply_text);
      return true;
    }
    case AMQP_CHANNEL_CLOSE_OK_METHOD:
      Forget(channel);
      Tell(EventKind::kChannelCloseOk, channel);
      return true;
    case AMQP_BASIC_CANCEL_METHOD: {
      const auto& cancel = *static_cast<const amqp_basic_cancel_t*>(decoded);
      Tell(EventKind::kCancelled, channel).consumer = NumberOf(View(cancel.consumer_tag));
      if (cancel.nowait == 0) {
        amqp_basic_cancel_ok_t ok{.consumer_tag = cancel.consumer_tag};
        AppendMethod(channel, AMQP_BASIC_CANCEL_OK_METHOD, &ok, *out_);
      }
      return true;
    }
    case AMQP_QUEUE_DECLARE_OK_METHOD: {
      const auto& declared = *static_cast<const amqp_queue_declare_ok_t*>(decoded);
      Event& event = Tell(EventKind::kQueueDeclared, channel);
      event.messages = declared.message_count;
      event.consumers = declared.consumer_count;
      return true;
    }
    case AMQP_BASIC_CONSUME_OK_METHOD:
      Tell(EventKind::kConsumeOk, channel).consumer =
          NumberOf(View(static_cast<const amqp_basic_consume_ok_t*>(decoded)->consumer_tag));
      return true;
    case AMQP_BASIC_CANCEL_OK_METHOD:
      Tell(EventKind::kCancelOk, channel).consumer =
          NumberOf(View(static_cast<const amqp_basic_cancel_ok_t*>(decoded)->consumer_tag));
      return true;
    case AMQP_CHANNEL_OPEN_OK_METHOD:
      Tell(EventKind::kChannelOpened, channel);
      return true;
    case AMQP_EXCHANGE_DECLARE_OK_METHOD:
      Tell(EventKind::kExchangeDeclared, channel);
      return true;
    case AMQP_QUEUE_BIND_OK_METHOD:
      Tell(EventKind::kQueueBound, channel);
      return true;
    case AMQP_QUEUE_DELETE_OK_METHOD:
      Tell(EventKind::kQueueDeleted, channel);
      return true;
    case AMQP_CONFIRM_SELECT_OK_METHOD:
      Tell(EventKind::kConfirmSelected, channel);
      return true;
    case AMQP_BASIC_QOS_OK_METHOD:
      Tell(EventKind::kQosSet, channel);
      return true;
    default:
      return Fail("the server has sent method " + std::to_string(method >> 16) + "." + std::to_string(method & 0xFFFF) +
                  ", which no client is sent");
  }
}

// ---------------------------------------------------------------- messages

bool AmqpDecoder::OnHeader(uint16_t channel, std::string_view payload, std::string_view behind) {
  Content* const content = ContentOf(channel);
  if (content == nullptr || content->next != Content::Next::kHeader) {
    return Fail("the server has sent a content header without a method before it");
  }
  if (payload.size() < 14) return Fail("the server has sent a content header that is cut short");
  const std::string_view properties = payload.substr(12);
  content->body_size = Get64(payload.data() + 4);
  content->next = Content::Next::kBody;
  if (content->body_size == 0) {
    Finish(channel, *content, properties, {});
    return true;
  }
  // Most bodies are one frame, and mostly it has come together with its header: the properties need not be kept then.
  if (behind.size() >= kFrameOverhead && behind[0] == static_cast<char>(kBodyFrame) &&
      Get16(behind.data() + 1) == channel && Get32(behind.data() + 3) == content->body_size) {
    const size_t frame = content->body_size + kFrameOverhead;
    if (frame <= behind.size() && frame <= agreement_.frame_max && behind[frame - 1] == static_cast<char>(kFrameEnd)) {
      Finish(channel, *content, properties, behind.substr(7, content->body_size));
      taken_ += frame;
      return true;
    }
  }
  content->properties.assign(properties);
  content->body.clear();
  return true;
}

bool AmqpDecoder::OnBody(uint16_t channel, std::string_view payload) {
  Content* const content = ContentOf(channel);
  if (content == nullptr || content->next != Content::Next::kBody) {
    return Fail("the server has sent a message's body without its header");
  }
  std::string& body = content->body;
  if (body.size() + payload.size() > content->body_size) {
    return Fail("the server has sent more of a message than it announced");
  }
  if (body.empty() && payload.size() == content->body_size) {
    Finish(channel, *content, content->properties, payload);
    return true;
  }
  body.append(payload);
  if (body.size() == content->body_size) {
    Finish(channel, *content, content->properties, body);
    if (body.capacity() > kSegmentBytes) body = {};
  }
  return true;
}

void AmqpDecoder::Finish(uint16_t channel, Content& content, std::string_view properties, std::string_view body) {
  content.next = Content::Next::kNothing;
  if (content.returned) {  // what was sent is known to whoever sent it
    Event& event = Tell(EventKind::kReturned, channel);
    event.code = content.code;
    event.text = content.text;
    event.message_id = reader_.Read(properties, body).message_id;
    return;
  }
  content.last_tag = content.tag;
  const ReadContent read = reader_.Read(properties, body, pool_, content.segment);
  Event& event = Tell(EventKind::kDelivered, channel);
  event.redelivered = content.redelivered;
  event.consumer = content.consumer;
  event.delivery_count = read.delivery_count;
  event.tag = content.tag;
  event.message = read.message;
  event.segment = content.segment;
}

}  // namespace millrace::bus
