#include "bus/rabbitmq/fake_server.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "bus/check.h"
#include "bus/rabbitmq/amqp_encoder.h"

namespace millrace::bus {
namespace {

amqp_bytes_t Bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view View(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }

class NoWaker : public Waker {
 public:
  void Wake() override {}
};

std::optional<std::string> Argument(const amqp_table_t& table, std::string_view name) {
  for (int i = 0; i < table.num_entries; ++i) {
    const amqp_table_entry_t& entry = table.entries[i];
    if (View(entry.key) != name) continue;
    switch (entry.value.kind) {
      case AMQP_FIELD_KIND_UTF8:
        return std::string(View(entry.value.value.bytes));
      case AMQP_FIELD_KIND_BOOLEAN:
        return entry.value.value.boolean != 0 ? "true" : "false";
      case AMQP_FIELD_KIND_I64:
        return std::to_string(entry.value.value.i64);
      default:
        return "?";
    }
  }
  return std::nullopt;
}

// The server counts deliveries in a header: here it is put behind those that are there.
std::string WithDeliveryCount(std::string properties, uint32_t count) {
  if (count == 0) return properties;
  MR_CHECK((Get16(properties.data()) >> 13) == 1) << "our messages have headers first";
  std::string field("\x10x-delivery-countl");
  char number[8];
  Put64(number, count);
  field.append(number, sizeof(number));
  const uint32_t size = Get32(properties.data() + 2);
  properties.insert(6 + size, field);
  Put32(properties.data() + 2, size + static_cast<uint32_t>(field.size()));
  return properties;
}

}  // namespace

// What the model has added to a message, a dead letter's history, behind the fields that are there.
std::string WithHeaders(std::string properties, const Headers& added) {
  std::string fields;
  for (const Header& header : added) {
    char size[4];
    Put32(size, static_cast<uint32_t>(header.value.value_or("").size()));
    fields.append(1, static_cast<char>(header.name.size())).append(header.name).append("S").append(size, sizeof(size));
    fields.append(header.value.value_or(""));
  }
  if (fields.empty()) return properties;
  MR_CHECK((Get16(properties.data()) >> 13) == 1) << "our messages have headers first";
  const uint32_t size = Get32(properties.data() + 2);
  properties.insert(6 + size, fields);
  Put32(properties.data() + 2, size + static_cast<uint32_t>(fields.size()));
  return properties;
}

// One connection. Messages lie in the model with their properties, as they came, in the place of the key.
class FakeServer::Client {
 public:
  Client(FakeServer& server, int fd, size_t door) : fd(fd), door(door), server_(server) {
    init_amqp_pool(&pool_, 4096);
  }
  ~Client() {
    server_.broker_.Drop(connection_, server_.clock_.Now());
    empty_amqp_pool(&pool_);
    close(fd);
  }

  // False where the connection is over.
  bool Read() {
    for (;;) {
      char* at = input_.Reserve(65536);
      const ssize_t got = recv(fd, at, 65536, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (got <= 0) return false;
      input_.CommitTo(at + got);
    }
    if (!greeted_) {
      if (input_.size() < 8) return true;
      if (input_.View().substr(0, 4) != "AMQP") {
        // As the server does: what it speaks, and the end.
        out_.Append(std::string_view("AMQP\0\0\x09\x01", 8));
        input_.Clear();
        over_ = true;
        Write();
        return false;
      }
      input_.RemovePrefix(8);
      greeted_ = true;
      SendStart();
    }
    while (input_.size() >= 7) {
      const size_t size = Get32(input_.At(3));
      if (input_.size() < size + kFrameOverhead) break;
      MR_CHECK(*input_.At(7 + size) == static_cast<char>(kFrameEnd)) << "the client's frame does not end";
      MR_CHECK(size + kFrameOverhead <= server_.options_.frame_max) << "the client's frame is too large";
      OnFrame(static_cast<uint8_t>(*input_.At(0)), Get16(input_.At(1)), {input_.At(7), size});
      input_.RemovePrefix(size + kFrameOverhead);
    }
    return !over_;
  }

  void Pump() {
    if (connection_ == 0 || server_.options_.silent) return;
    std::vector<Event> events;
    server_.broker_.TakeEvents(connection_, events);
    for (Event& event : events) OnEvent(event);
  }

  bool Write() {
    while (!out_.empty()) {
      const ssize_t sent = send(fd, out_.View().data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (sent <= 0) return false;
      out_.RemovePrefix(static_cast<size_t>(sent));
    }
    return !over_;
  }
  bool HasOutput() const { return !out_.empty(); }

  const int fd;
  const size_t door;

 private:
  template <class Method>
  void Say(uint16_t channel, uint32_t method, Method decoded) {
    AppendMethod(channel, method, &decoded, out_);
  }

  void SendStart() {
    std::array<amqp_table_entry_t, 2> properties{};
    properties[0].key = Bytes("product");
    properties[0].value.kind = AMQP_FIELD_KIND_UTF8;
    properties[0].value.value.bytes = Bytes("RabbitMQ");
    properties[1].key = Bytes("version");
    properties[1].value.kind = AMQP_FIELD_KIND_UTF8;
    properties[1].value.value.bytes = Bytes(server_.options_.version);
    Say(0, AMQP_CONNECTION_START_METHOD,
        amqp_connection_start_t{.version_minor = 9,
                                .server_properties = {2, properties.data()},
                                .mechanisms = Bytes(server_.options_.mechanisms),
                                .locales = Bytes("en_US")});
  }

  void OnFrame(uint8_t type, uint16_t channel, std::string_view payload) {
    switch (type) {
      case kMethodFrame:
        return OnMethod(channel, payload);
      case kHeaderFrame:
        body_size_ = Get64(payload.data() + 4);
        properties_ = payload.substr(12);
        body_.clear();
        if (body_size_ == 0) Publish();
        return;
      case kBodyFrame:
        body_.append(payload);
        if (body_.size() == body_size_) Publish();
        return;
      default:
        return;
    }
  }

  void Ask(const Request& request) { server_.broker_.Receive(connection_, request, server_.clock_.Now()); }

  void Publish() {
    Request request{.method = Method::kPublish,
                    .channel = publish_channel_,
                    .mandatory = mandatory_,
                    .message_id = next_id_,
                    .exchange = exchange_,
                    .routing_key = routing_key_};
    ++next_id_;
    request.message.key = properties_;
    request.message.body = body_;
    Ask(request);
  }

  void OnMethod(uint16_t channel, std::string_view payload) {
    const uint32_t method = Get32(payload.data());
    void* decoded = nullptr;
    recycle_amqp_pool(&pool_);
    MR_CHECK(amqp_decode_method(method, &pool_, Bytes(payload.substr(4)), &decoded) == AMQP_STATUS_OK)
        << "method " << method << " of the client cannot be read";
    if (channel == 0) return OnConnectionMethod(method, decoded);
    OnChannelMethod(channel, method, decoded);
  }

  void OnConnectionMethod(uint32_t method, void* decoded) {
    switch (method) {
      case AMQP_CONNECTION_START_OK_METHOD: {
        const auto& ok = *static_cast<amqp_connection_start_ok_t*>(decoded);
        server_.names_.push_back(Argument(ok.client_properties, "connection_name").value_or(""));
        const bool known = View(ok.mechanism) == "EXTERNAL"
                               ? ok.response.len == 0
                               : View(ok.response) == std::string_view("\0guest\0guest", 12);
        if (!known) {
          Say(0, AMQP_CONNECTION_CLOSE_METHOD,
              amqp_connection_close_t{.reply_code = 403, .reply_text = Bytes("ACCESS_REFUSED - Login was refused")});
          return;
        }
        Say(0, AMQP_CONNECTION_TUNE_METHOD,
            amqp_connection_tune_t{.channel_max = server_.options_.channel_max,
                                   .frame_max = server_.options_.frame_max,
                                   .heartbeat = server_.options_.heartbeat});
        return;
      }
      case AMQP_CONNECTION_OPEN_METHOD: {
        const std::string vhost(View(static_cast<amqp_connection_open_t*>(decoded)->virtual_host));
        if (vhost != "/") {
          const std::string text = "NOT_ALLOWED - vhost " + vhost + " not found";
          Say(0, AMQP_CONNECTION_CLOSE_METHOD, amqp_connection_close_t{.reply_code = 530, .reply_text = Bytes(text)});
          return;
        }
        connection_ = server_.broker_.Open(waker_, server_.clock_.Now());
        Say(0, AMQP_CONNECTION_OPEN_OK_METHOD, amqp_connection_open_ok_t{});
        return;
      }
      case AMQP_CONNECTION_CLOSE_METHOD:
        Say(0, AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t{});
        over_ = true;
        return;
      case AMQP_CONNECTION_CLOSE_OK_METHOD:
        over_ = true;
        return;
      default:
        return;
    }
  }

  void OnChannelMethod(uint16_t channel, uint32_t method, void* decoded) {
    Request request{.channel = channel};
    switch (method) {
      case AMQP_CHANNEL_OPEN_METHOD:
        request.method = Method::kChannelOpen;
        return Ask(request);
      case AMQP_CHANNEL_CLOSE_METHOD:
        request.method = Method::kChannelClose;
        return Ask(request);
      case AMQP_CHANNEL_CLOSE_OK_METHOD:
        if (refused_ == channel) return;  // closed in the model already
        request.method = Method::kChannelCloseOk;
        return Ask(request);
      case AMQP_CONFIRM_SELECT_METHOD:
        request.method = Method::kConfirmSelect;
        return Ask(request);
      case AMQP_EXCHANGE_DECLARE_METHOD: {
        const auto& declare = *static_cast<amqp_exchange_declare_t*>(decoded);
        request.method = Method::kExchangeDeclare;
        request.exchange = View(declare.exchange);
        request.passive = declare.passive != 0;
        request.exchange_kind = View(declare.type) == "fanout" ? ExchangeKind::kFanout : ExchangeKind::kDirect;
        return Ask(request);
      }
      case AMQP_QUEUE_DECLARE_METHOD:
        return OnDeclare(request, *static_cast<amqp_queue_declare_t*>(decoded));
      case AMQP_QUEUE_BIND_METHOD: {
        const auto& bind = *static_cast<amqp_queue_bind_t*>(decoded);
        request.method = Method::kQueueBind;
        request.queue = View(bind.queue);
        request.exchange = View(bind.exchange);
        request.routing_key = View(bind.routing_key);
        return Ask(request);
      }
      case AMQP_BASIC_QOS_METHOD:
        request.method = Method::kQos;
        request.prefetch = static_cast<amqp_basic_qos_t*>(decoded)->prefetch_count;
        return Ask(request);
      case AMQP_BASIC_CONSUME_METHOD: {
        const auto& consume = *static_cast<amqp_basic_consume_t*>(decoded);
        request.method = Method::kConsume;
        request.queue = View(consume.queue);
        request.consumer = static_cast<uint32_t>(std::stoul(std::string(View(consume.consumer_tag))));
        return Ask(request);
      }
      case AMQP_BASIC_CANCEL_METHOD:
        request.method = Method::kCancel;
        request.consumer = static_cast<uint32_t>(
            std::stoul(std::string(View(static_cast<amqp_basic_cancel_t*>(decoded)->consumer_tag))));
        return Ask(request);
      case AMQP_BASIC_ACK_METHOD: {
        const auto& ack = *static_cast<amqp_basic_ack_t*>(decoded);
        request.method = Method::kAck;
        request.tag = ack.delivery_tag;
        request.multiple = ack.multiple != 0;
        return Ask(request);
      }
      case AMQP_BASIC_PUBLISH_METHOD: {
        const auto& publish = *static_cast<amqp_basic_publish_t*>(decoded);
        publish_channel_ = channel;
        mandatory_ = publish.mandatory != 0;
        exchange_ = View(publish.exchange);
        routing_key_ = View(publish.routing_key);
        return;
      }
      default:
        MR_CHECK(false) << "the client sent method " << method;
    }
  }

  void OnDeclare(Request request, const amqp_queue_declare_t& declare) {
    QueueArguments arguments;
    arguments.durable = declare.durable != 0;
    arguments.exclusive = declare.exclusive != 0;
    const bool quorum = Argument(declare.arguments, "x-queue-type") == "quorum";
    if (declare.passive == 0) {
      MR_CHECK(quorum == (arguments.durable && !arguments.exclusive)) << "work queues are quorum queues";
    }
    arguments.single_active_consumer = Argument(declare.arguments, "x-single-active-consumer") == "true";
    arguments.dead_letter_exchange = Argument(declare.arguments, "x-dead-letter-exchange").value_or("");
    arguments.dead_letter_at_least_once = Argument(declare.arguments, "x-dead-letter-strategy") == "at-least-once";
    if (Argument(declare.arguments, "x-overflow") == "reject-publish") arguments.overflow = Overflow::kRejectPublish;
    arguments.max_length = std::stol(Argument(declare.arguments, "x-max-length").value_or("-1"));
    const auto limit = Argument(declare.arguments, "x-delivery-limit");
    MR_CHECK(!limit.has_value() || server_.options_.version[0] == '4') << "3.x refuses a limit of -1";
    MR_CHECK(limit.has_value() || server_.options_.version[0] != '4' || !quorum || declare.passive != 0)
        << "4.x has a limit of 20 where none is given";
    request.method = Method::kQueueDeclare;
    request.passive = declare.passive != 0;
    request.queue = View(declare.queue);
    const std::string& forbidden = server_.options_.forbidden;
    if (!forbidden.empty() && request.queue.substr(0, forbidden.size()) == forbidden) {
      const std::string text =
          "ACCESS_REFUSED - access to queue '" + std::string(request.queue) + "' in vhost '/' refused for user 'guest'";
      Ask({.method = Method::kChannelClose, .channel = request.channel});
      refused_ = request.channel;
      return Say(static_cast<uint16_t>(request.channel), AMQP_CHANNEL_CLOSE_METHOD,
                 amqp_channel_close_t{.reply_code = 403, .reply_text = Bytes(text)});
    }
    request.arguments = &arguments;
    Ask(request);
  }

  void SayContent(uint16_t channel, std::string_view properties, std::string_view body) {
    char* at = out_.Reserve(32);
    at = Put32(Put16(Put8(at, kHeaderFrame), channel), static_cast<uint32_t>(12 + properties.size()));
    out_.CommitTo(Put64(Put16(Put16(at, kBasicClass), 0), body.size()));
    out_.Append(properties);
    out_.Append("\xCE");
    // In small pieces, so that contents of several frames are met.
    for (size_t done = 0; done < body.size(); done += 1000) {
      const std::string_view piece = body.substr(done, 1000);
      at = Put32(Put16(Put8(out_.Reserve(16), kBodyFrame), channel), static_cast<uint32_t>(piece.size()));
      out_.CommitTo(at);
      out_.Append(piece);
      out_.Append("\xCE");
    }
  }

  void OnEvent(const Event& event) {
    const auto channel = static_cast<uint16_t>(event.channel);
    const std::string tag = std::to_string(event.consumer);
    switch (event.kind) {
      case EventKind::kConnectionOpened:
      case EventKind::kWritable:
        return;
      case EventKind::kConnectionClosed:
        return Say(0, AMQP_CONNECTION_CLOSE_METHOD,
                   amqp_connection_close_t{.reply_code = event.code, .reply_text = Bytes(event.text)});
      case EventKind::kBlocked:
        return Say(0, AMQP_CONNECTION_BLOCKED_METHOD, amqp_connection_blocked_t{.reason = Bytes(event.text)});
      case EventKind::kUnblocked:
        return Say(0, AMQP_CONNECTION_UNBLOCKED_METHOD, amqp_connection_unblocked_t{});
      case EventKind::kHeartbeat:
        return AppendHeartbeat(out_);
      case EventKind::kChannelOpened:
        return Say(channel, AMQP_CHANNEL_OPEN_OK_METHOD, amqp_channel_open_ok_t{});
      case EventKind::kChannelClosed:
        return Say(channel, AMQP_CHANNEL_CLOSE_METHOD,
                   amqp_channel_close_t{.reply_code = event.code, .reply_text = Bytes(event.text)});
      case EventKind::kChannelCloseOk:
        if (std::exchange(refused_, 0) == channel) return;
        return Say(channel, AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t{});
      case EventKind::kExchangeDeclared:
        return Say(channel, AMQP_EXCHANGE_DECLARE_OK_METHOD, amqp_exchange_declare_ok_t{});
      case EventKind::kQueueDeclared:
        return Say(channel, AMQP_QUEUE_DECLARE_OK_METHOD,
                   amqp_queue_declare_ok_t{.message_count = static_cast<uint32_t>(event.messages),
                                           .consumer_count = event.consumers});
      case EventKind::kQueueBound:
        return Say(channel, AMQP_QUEUE_BIND_OK_METHOD, amqp_queue_bind_ok_t{});
      case EventKind::kQueueDeleted:
        return Say(channel, AMQP_QUEUE_DELETE_OK_METHOD, amqp_queue_delete_ok_t{});
      case EventKind::kConfirmSelected:
        return Say(channel, AMQP_CONFIRM_SELECT_OK_METHOD, amqp_confirm_select_ok_t{});
      case EventKind::kQosSet:
        return Say(channel, AMQP_BASIC_QOS_OK_METHOD, amqp_basic_qos_ok_t{});
      case EventKind::kConsumeOk:
        return Say(channel, AMQP_BASIC_CONSUME_OK_METHOD, amqp_basic_consume_ok_t{.consumer_tag = Bytes(tag)});
      case EventKind::kCancelOk:
        return Say(channel, AMQP_BASIC_CANCEL_OK_METHOD, amqp_basic_cancel_ok_t{.consumer_tag = Bytes(tag)});
      case EventKind::kCancelled:
        return Say(channel, AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t{.consumer_tag = Bytes(tag), .nowait = 1});
      case EventKind::kDelivered:
        Say(channel, AMQP_BASIC_DELIVER_METHOD,
            amqp_basic_deliver_t{
                .consumer_tag = Bytes(tag), .delivery_tag = event.tag, .redelivered = event.redelivered ? 1 : 0});
        return SayContent(channel,
                          WithHeaders(WithDeliveryCount(std::string(*event.message.key), event.delivery_count),
                                      event.message.headers),
                          event.message.body.value_or(""));
      case EventKind::kReturned:
        Say(channel, AMQP_BASIC_RETURN_METHOD,
            amqp_basic_return_t{.reply_code = event.code, .reply_text = Bytes(event.text)});
        return SayContent(channel, *event.message.key, event.message.body.value_or(""));
      case EventKind::kAcked:
        return Say(channel, AMQP_BASIC_ACK_METHOD,
                   amqp_basic_ack_t{.delivery_tag = event.tag, .multiple = event.multiple ? 1 : 0});
      case EventKind::kNacked:
        return Say(channel, AMQP_BASIC_NACK_METHOD,
                   amqp_basic_nack_t{.delivery_tag = event.tag, .multiple = event.multiple ? 1 : 0});
    }
  }

  FakeServer& server_;
  NoWaker waker_;
  ConnectionId connection_ = 0;
  bool greeted_ = false;
  bool over_ = false;
  amqp_pool_t pool_;
  ByteBuffer input_;
  ByteBuffer out_;
  // The publish that is being read.
  uint16_t publish_channel_ = 0;
  bool mandatory_ = false;
  std::string exchange_;
  std::string routing_key_;
  std::string properties_;
  std::string body_;
  uint64_t body_size_ = 0;
  uint64_t next_id_ = 1;
  uint16_t refused_ = 0;  // a channel that we closed
};

FakeServer::FakeServer(const Clock& clock, FakeServerOptions options) : clock_(clock), options_(std::move(options)) {
  bell_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  for (int door = 0; door < options_.doors; ++door) Listen();
  thread_ = std::thread([this] { Run(); });
}

void FakeServer::Listen() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MR_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  MR_CHECK(listen(listener, 64) == 0);
  socklen_t size = sizeof(address);
  MR_CHECK(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ports_.push_back(ntohs(address.sin_port));
  listeners_.push_back(listener);
  visits_.push_back(0);
}

FakeServer::~FakeServer() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
  }
  const uint64_t one = 1;
  MR_CHECK(write(bell_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  clients_.clear();
  for (const int listener : listeners_) {
    if (listener >= 0) close(listener);
  }
  close(bell_);
}

std::string FakeServer::Url(const std::string& parameters) const {
  return "amqp://guest:guest@127.0.0.1:" + std::to_string(port()) + "/" + parameters;
}

void FakeServer::Broker(const std::function<void(QueueBroker&, MonotonicTime)>& work) {
  std::lock_guard<std::mutex> lock(mutex_);
  work(broker_, clock_.Now());
  const uint64_t one = 1;
  MR_CHECK(write(bell_, &one, sizeof(one)) == sizeof(one));
}

void FakeServer::CutAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  clients_.clear();
}

void FakeServer::CloseDoor(int door) {
  std::lock_guard<std::mutex> lock(mutex_);
  close(std::exchange(listeners_[static_cast<size_t>(door)], -1));
  clients_.remove_if([&](const std::unique_ptr<Client>& client) { return client->door == static_cast<size_t>(door); });
}

int FakeServer::Visits(int door) {
  std::lock_guard<std::mutex> lock(mutex_);
  return visits_[static_cast<size_t>(door)];
}

std::vector<std::string> FakeServer::Names() {
  std::lock_guard<std::mutex> lock(mutex_);
  return names_;
}

void FakeServer::Run() {
  std::vector<pollfd> fds;
  for (;;) {
    int64_t timer = INT64_MAX;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (quit_) return;
      for (size_t door = 0; door < listeners_.size(); ++door) {
        for (int fd; (fd = accept4(listeners_[door], nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
          ++visits_[door];
          clients_.push_back(std::make_unique<Client>(*this, fd, door));
        }
      }
      clients_.remove_if([](const std::unique_ptr<Client>& client) { return !client->Read(); });
      broker_.Tick(clock_.Now());
      for (const auto& client : clients_) client->Pump();
      clients_.remove_if([](const std::unique_ptr<Client>& client) { return !client->Write(); });
      fds.assign({{bell_, POLLIN, 0}});
      for (const int listener : listeners_) fds.push_back({listener, POLLIN, 0});  // poll skips what is negative
      for (const auto& client : clients_) {
        fds.push_back({client->fd, static_cast<short>(POLLIN | (client->HasOutput() ? POLLOUT : 0)), 0});
      }
      timer = broker_.NextTimer().ns;
    }
    const int64_t wait_ms = std::clamp<int64_t>((timer - clock_.Now().ns) / 1'000'000 + 1, 0, 100);
    poll(fds.data(), fds.size(), static_cast<int>(wait_ms));
    uint64_t count = 0;
    if (fds[0].revents != 0) {
      MR_CHECK(read(bell_, &count, sizeof(count)) == sizeof(count));
    }
  }
}

}  // namespace millrace::bus
