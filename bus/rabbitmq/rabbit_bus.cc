#include "bus/rabbitmq/rabbit_bus.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/open_checks.h"
#include "bus/memory/queue_admin.h"
#include "bus/process_name.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/amqp_url.h"
#include "bus/rabbitmq/depth_reader.h"
#include "bus/rabbitmq/hands_reader.h"
#include "bus/rabbitmq/queue_metrics.h"
#include "bus/rabbitmq/rabbit_drivers.h"
#include "bus/rabbitmq/rabbit_operations.h"
#include "bus/rabbitmq/tls_session.h"
#include "bus/rabbitmq/waiting.h"
#include "bus/secret.h"

namespace millrace::bus {
namespace {

constexpr Duration kLagTime = std::chrono::seconds(2);

Capabilities CapabilitiesOf(const AmqpUrl& url) {
  Capabilities c;
  c.backend = "rabbitmq";
  c.settlement = Settlement::kIndividual;
  c.lag = true;
  c.no_transactions = "a queue settles each message by itself";
  c.unsettled_max = url.consumer_timeout;
  c.message_bytes_max = url.message_bytes_max;
  c.crash_model =
      "survives: the death of any worker, crashes and restarts of servers whose disks remain; destroyed by: deleting a "
      "queue, losing the disks of a majority of the servers that hold a queue";
  return c;
}

bool IsRefusal(uint16_t code) { return code == kAccessRefused || code == kNotAllowed; }

class RabbitBus : public Bus {
 public:
  RabbitBus(AmqpUrl url, const Clock& clock)
      : url_(std::move(url)), capabilities_(CapabilitiesOf(url_)), clock_(clock), operations_(url_, clock_) {
    if (url_.instance.empty()) url_.instance = DrawProcessName();
    std::string& name = url_.connection.connection_name;
    name = "millrace " + (name.empty() ? url_.instance : name);
  }

  // Whether the server can be reached and lets us in.
  absl::Status Check() {
    WaitingWaker waker;
    AmqpLink link(url_.connection, clock_, waker);
    // The link has its own time limits.
    link.Connect(clock_.Now());
    std::vector<Event> events;
    for (;;) {
      link.Receive(events);
      for (const Event& event : events) {
        if (event.kind == EventKind::kConnectionOpened) {
          link.Send({.method = Method::kConnectionClose}, clock_.Now());
          return absl::OkStatus();
        }
        if (event.kind != EventKind::kConnectionClosed) continue;
        const std::string text = "RabbitMQ: " + event.text;
        return IsRefusal(event.code) ? absl::InvalidArgumentError(text) : absl::UnavailableError(text);
      }
      waker.WaitUntil(MonotonicTime::Infinite(), clock_);
    }
  }

  const Capabilities& capabilities() const override { return capabilities_; }
  Admin* admin() override { return &operations_; }
  absl::Status Apply(const Topology& topology) override;
  absl::StatusOr<std::unique_ptr<ConsumerDriver>> OpenConsumer(const ConsumerOptions& options, Waker& waker) override;
  absl::StatusOr<std::unique_ptr<ProducerDriver>> OpenProducer(const ProducerOptions& options, Waker& waker) override;
  absl::StatusOr<std::vector<PartitionLag>> Lag(const std::string& group, const std::string& topic) override;

 private:
  AmqpOptions Named(const std::string& what) const {
    AmqpOptions options = url_.connection;
    options.connection_name += " " + what;
    return options;
  }
  // Under the lock.
  absl::StatusOr<TopicSpec> SpecOf(const std::string& topic) const {
    const auto at = specs_.find(topic);
    if (at == specs_.end()) return NoSuchTopic(topic);
    return at->second;
  }
  absl::StatusOr<TopicSpec> SpecOf(const std::string& group, const std::string& topic) const {
    absl::StatusOr<TopicSpec> spec = SpecOf(topic);
    if (!spec.ok()) return spec;
    if (std::find(spec->groups.begin(), spec->groups.end(), group) == spec->groups.end()) {
      return NoSuchGroup(group, topic);
    }
    return spec;
  }
  std::string Trap() const { return url_.trap ? TrapName(url_.prefix) : ""; }
  // A topic under its name on the server.
  QueueTopic Placed(const TopicSpec& spec) const {
    QueueTopic topic = QueueTopicOf(spec);
    topic.name = url_.prefix + topic.name;
    topic.trap = Trap();
    return topic;
  }
  // A partition, as far as this process's consumers know.
  struct Hands {
    uint32_t subscribed = 0;  // of ours
    bool moving = false;
    uint64_t ready = 0;
    uint64_t in_hand = 0;
    uint32_t consumers = 0;  // ours and others
  };
  // Names as on the server.
  // Under reader_mutex_.
  HandsReader& HandsOf(const std::string& group) {
    std::unique_ptr<HandsReader>& reader = hands_[group];
    if (reader == nullptr) {
      reader = std::make_unique<HandsReader>(Named("lag of " + group), clock_, group,
                                             std::string(kLagReader) + url_.instance, "@" + url_.instance);
    }
    return *reader;
  }
  std::vector<Hands> Ours(const QueueTopic& topic, const std::string& group, MonotonicTime deadline);

  AmqpUrl url_;
  const Capabilities capabilities_;
  const Clock& clock_;
  RabbitOperations operations_;
  mutable std::mutex mutex_;
  std::map<std::string, TopicSpec> specs_;
  std::set<std::pair<std::string, std::string>> instances_;  // open consumers: group, instance
  uint64_t opened_ = 0;
  std::mutex consumers_mutex_;  // taken for as long as one of them is asked
  std::vector<RabbitConsumer*> consumers_;
  std::mutex reader_mutex_;
  std::unique_ptr<DepthReader> reader_;
  std::map<std::string, std::unique_ptr<HandsReader>> hands_;  // by group
};

absl::Status RabbitBus::Apply(const Topology& topology) {
  Topology placed = topology;
  for (TopicSpec& spec : placed.topics) {
    spec.name = url_.prefix + spec.name;
    for (std::string& group : spec.groups) group = url_.prefix + group;
  }
  if (absl::Status s = CheckTopology(placed); !s.ok()) return s;
  WaitingWaker waker;
  const MonotonicTime deadline = clock_.Now() + url_.apply_timeout;
  auto link = std::make_unique<AmqpLink>(Named("topology"), clock_, waker);
  AmqpLink* const flushing = link.get();
  QueueAdmin admin(std::move(link), {}, placed, clock_.Now(), Trap());
  for (;;) {
    admin.Poll(clock_.Now());
    flushing->Flush();
    if (admin.done() || clock_.Now() >= deadline) break;
    waker.WaitUntil(std::min(deadline, admin.NextTimer()), clock_);
  }
  if (!admin.done()) {
    return absl::UnavailableError(admin.status().ok() ? "applying the topology: the server did not answer in time"
                                                      : std::string(admin.status().message()));
  }
  if (!admin.status().ok()) return admin.status();
  std::lock_guard<std::mutex> lock(mutex_);
  for (const TopicSpec& spec : topology.topics) {
    auto [at, fresh] = specs_.emplace(spec.name, spec);
    if (fresh) continue;
    for (const std::string& group : spec.groups) {
      std::vector<std::string>& known = at->second.groups;
      if (std::find(known.begin(), known.end(), group) == known.end()) known.push_back(group);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ConsumerDriver>> RabbitBus::OpenConsumer(const ConsumerOptions& options, Waker& waker) {
  if (absl::Status s = CheckConsumerOptions(options); !s.ok()) return s;
  if (options.transactional) return NoTransactions(capabilities().backend);
  std::vector<QueueTopic> topics;
  QueueConsumerOptions queue;
  ConsumerOptions named = options;
  if (url_.prefetch != 0) named.prefetch = url_.prefetch;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& topic : options.topics) {
      const absl::StatusOr<TopicSpec> spec = SpecOf(options.group, topic);
      if (!spec.ok()) return spec.status();
      topics.push_back(Placed(*spec));
    }
    ++opened_;
    if (named.instance.empty()) named.instance = "instance-" + std::to_string(opened_);
    if (!instances_.emplace(named.group, named.instance).second) {
      return absl::InvalidArgumentError("option instance: \"" + named.instance + "\" is in use in group \"" +
                                        named.group + "\"; give each consumer a name of its own");
    }
    queue.incarnation = static_cast<uint64_t>(clock_.Wall().ns) + opened_;
    queue.session.salt = queue.incarnation;
  }
  auto gone = [this, key = std::pair(named.group, named.instance)](RabbitConsumer* consumer) {
    {
      std::lock_guard<std::mutex> lock(consumers_mutex_);
      std::erase(consumers_, consumer);
    }
    std::lock_guard<std::mutex> lock(mutex_);
    instances_.erase(key);
  };
  named.instance += "@" + url_.instance;
  named.group = url_.prefix + named.group;
  auto consumer =
      std::make_unique<RabbitConsumer>(url_.connection, named, topics, queue, clock_, waker, std::move(gone));
  std::lock_guard<std::mutex> lock(consumers_mutex_);
  consumers_.push_back(consumer.get());
  return consumer;
}

absl::StatusOr<std::unique_ptr<ProducerDriver>> RabbitBus::OpenProducer(const ProducerOptions& options, Waker& waker) {
  if (absl::Status s = CheckTopics(options.topics); !s.ok()) return s;
  if (!options.transaction.id.empty()) return NoTransactions(capabilities().backend);
  std::vector<QueueTopic> topics;
  QueueProducerOptions queue;
  queue.message_bytes_max = url_.message_bytes_max;
  queue.window = url_.window;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& topic : options.topics) {
      const absl::StatusOr<TopicSpec> spec = SpecOf(topic);
      if (!spec.ok()) return spec.status();
      topics.push_back(Placed(*spec));
    }
    queue.session.salt = static_cast<uint64_t>(clock_.Wall().ns) + ++opened_;
  }
  return std::make_unique<RabbitProducer>(Named(options.name), topics, queue, clock_, waker);
}

std::vector<RabbitBus::Hands> RabbitBus::Ours(const QueueTopic& topic, const std::string& group,
                                              MonotonicTime deadline) {
  using State = AmqpLink::Depth::State;
  std::vector<Hands> sum(static_cast<size_t>(topic.partitions));
  std::lock_guard<std::mutex> lock(consumers_mutex_);
  for (RabbitConsumer* consumer : consumers_) {
    const std::vector<AmqpLink::Depth> depths = consumer->Depths(group, topic.name, deadline);
    for (size_t p = 0; p < depths.size(); ++p) {
      if (depths[p].state == State::kNotHeld) continue;
      Hands& hands = sum[p];
      hands.moving = hands.moving || depths[p].state == State::kMoving;
      ++hands.subscribed;
      // Two may wait at one queue, of which one is fed: both see the same messages ready.
      hands.ready = std::max(hands.ready, depths[p].ready);
      hands.consumers = std::max(hands.consumers, depths[p].consumers);
      hands.in_hand += depths[p].in_hand;
    }
  }
  return sum;
}

absl::StatusOr<std::vector<PartitionLag>> RabbitBus::Lag(const std::string& group, const std::string& topic) {
  QueueTopic queue_topic;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::StatusOr<TopicSpec> spec = SpecOf(group, topic);
    if (!spec.ok()) return spec.status();
    queue_topic = Placed(*spec);
  }
  const MonotonicTime deadline = clock_.Now() + kLagTime;
  const auto queue_of = [&](size_t p) {
    return WorkQueueName(queue_topic, url_.prefix + group, static_cast<int32_t>(p));
  };
  std::vector<Hands> hands = Ours(queue_topic, url_.prefix + group, deadline);
  std::vector<std::string> not_ours;
  for (size_t p = 0; p < hands.size(); ++p) {
    if (hands[p].moving) {
      return absl::UnavailableError("queue '" + queue_of(p) +
                                    "' is being handed over: what is on its way cannot be counted now");
    }
    if (hands[p].subscribed == 0) not_ours.push_back(queue_of(p));
  }
  if (!not_ours.empty()) {
    std::lock_guard<std::mutex> lock(reader_mutex_);
    if (reader_ == nullptr) reader_ = std::make_unique<DepthReader>(Named("lag"), clock_);
    const absl::StatusOr<std::vector<DepthReader::Count>> read = reader_->Read(not_ours, deadline);
    if (!read.ok()) return read.status();
    size_t next = 0;
    for (Hands& each : hands) {
      if (each.subscribed > 0) continue;
      each.ready = (*read)[next].ready;
      each.consumers = (*read)[next++].consumers;
    }
  }
  std::vector<uint32_t> others;
  for (const Hands& each : hands) {
    others.push_back(each.consumers > each.subscribed ? each.consumers - each.subscribed : 0);
  }
  if (std::any_of(others.begin(), others.end(), [](uint32_t count) { return count > 0; })) {
    std::lock_guard<std::mutex> lock(reader_mutex_);
    const absl::StatusOr<std::vector<uint64_t>> theirs =
        HandsOf(url_.prefix + group).Ask(queue_topic.name, others, deadline);
    if (!theirs.ok()) return theirs.status();
    for (size_t p = 0; p < hands.size(); ++p) hands[p].in_hand += (*theirs)[p];
  }
  std::vector<PartitionLag> lags;
  for (size_t p = 0; p < hands.size(); ++p) {
    PartitionLag& lag = lags.emplace_back();
    lag.topic = topic;
    lag.partition = static_cast<int32_t>(p);
    lag.lag = static_cast<int64_t>(hands[p].ready + hands[p].in_hand);
    lag.end = lag.lag;
  }
  return lags;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bus>> OpenRabbitBus(std::string_view url, const Clock& clock) {
  absl::StatusOr<AmqpUrl> parsed = ParseAmqpUrl(url);
  if (!parsed.ok()) return parsed.status();
  for (auto& [name, value] : {std::pair<const char*, std::string*>{"user", &parsed->connection.user},
                              {"password", &parsed->connection.password},
                              {"keyfile_password", &parsed->connection.tls.keyfile_password}}) {
    if (absl::Status s = LookUpSecret(std::string("the bus URL: ") + name, *value); !s.ok()) return s;
  }
  // Files that cannot be used are the URL's fault, not a server's.
  if (parsed->connection.tls.on) {
    const auto usable = TlsSession::Open(parsed->connection.tls, parsed->connection.hosts.front().name);
    if (!usable.ok()) return usable.status();
  }
  auto bus = std::make_unique<RabbitBus>(*std::move(parsed), clock);
  if (absl::Status s = bus->Check(); !s.ok()) return s;
  return bus;
}

std::string PrintableRabbitBus(std::string_view url) { return WithoutPassword(url); }

absl::StatusOr<Capabilities> RabbitCapabilities(std::string_view url) {
  const absl::StatusOr<AmqpUrl> parsed = ParseAmqpUrl(url);
  if (!parsed.ok()) return parsed.status();
  return CapabilitiesOf(*parsed);
}

}  // namespace millrace::bus
