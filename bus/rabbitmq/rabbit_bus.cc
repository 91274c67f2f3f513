#include "bus/rabbitmq/rabbit_bus.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/open_checks.h"
#include "bus/memory/queue_admin.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/amqp_url.h"
#include "bus/rabbitmq/depth_reader.h"
#include "bus/rabbitmq/rabbit_drivers.h"
#include "bus/rabbitmq/waiting.h"

namespace millrace::bus {
namespace {

constexpr Duration kLagTime = std::chrono::seconds(2);

Capabilities CapabilitiesOf(const AmqpUrl& url) {
  Capabilities c;
  c.backend = "rabbitmq";
  c.settlement = Settlement::kIndividual;
  c.lag = true;
  c.message_bytes_max = url.message_bytes_max;
  c.crash_model =
      "survives: the death of any worker, crashes and restarts of servers whose disks remain; destroyed by: deleting a "
      "queue, losing the disks of a majority of the servers that hold a queue";
  return c;
}

// Tells this process's consumers from those of others that run the same pipeline.
std::string ProcessName() {
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) != 0) return std::to_string(getpid());
  return std::string(host) + "." + std::to_string(getpid());
}

bool IsRefusal(uint16_t code) { return code == 403 || code == kNotAllowed; }

class RabbitBus : public Bus {
 public:
  RabbitBus(AmqpUrl url, const Clock& clock)
      : url_(std::move(url)), capabilities_(CapabilitiesOf(url_)), clock_(clock) {
    if (url_.instance.empty()) url_.instance = ProcessName();
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
  // What this process's consumers know of the partitions; the rest is kNotHeld.
  std::vector<AmqpLink::Depth> DepthsInHand(const QueueTopic& topic, const std::string& group, MonotonicTime deadline);

  AmqpUrl url_;
  const Capabilities capabilities_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, TopicSpec> specs_;
  std::set<std::pair<std::string, std::string>> instances_;  // open consumers: group, instance
  uint64_t opened_ = 0;
  std::mutex consumers_mutex_;  // taken for as long as one of them is asked
  std::vector<RabbitConsumer*> consumers_;
  std::mutex reader_mutex_;
  std::unique_ptr<DepthReader> reader_;
};

absl::Status RabbitBus::Apply(const Topology& topology) {
  if (absl::Status s = CheckTopology(topology); !s.ok()) return s;
  WaitingWaker waker;
  const MonotonicTime deadline = clock_.Now() + url_.apply_timeout;
  auto link = std::make_unique<AmqpLink>(Named("topology"), clock_, waker);
  AmqpLink* const flushing = link.get();
  QueueAdmin admin(std::move(link), {}, topology, clock_.Now());
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
  std::vector<QueueTopic> topics;
  QueueConsumerOptions queue;
  ConsumerOptions named = options;
  if (url_.prefetch != 0) named.prefetch = url_.prefetch;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& topic : options.topics) {
      const absl::StatusOr<TopicSpec> spec = SpecOf(options.group, topic);
      if (!spec.ok()) return spec.status();
      topics.push_back(QueueTopicOf(*spec));
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
  auto consumer =
      std::make_unique<RabbitConsumer>(url_.connection, named, topics, queue, clock_, waker, std::move(gone));
  std::lock_guard<std::mutex> lock(consumers_mutex_);
  consumers_.push_back(consumer.get());
  return consumer;
}

absl::StatusOr<std::unique_ptr<ProducerDriver>> RabbitBus::OpenProducer(const ProducerOptions& options, Waker& waker) {
  if (absl::Status s = CheckTopics(options.topics); !s.ok()) return s;
  std::vector<QueueTopic> topics;
  QueueProducerOptions queue;
  queue.message_bytes_max = url_.message_bytes_max;
  queue.window = url_.window;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& topic : options.topics) {
      const absl::StatusOr<TopicSpec> spec = SpecOf(topic);
      if (!spec.ok()) return spec.status();
      topics.push_back(QueueTopicOf(*spec));
    }
    queue.session.salt = static_cast<uint64_t>(clock_.Wall().ns) + ++opened_;
  }
  return std::make_unique<RabbitProducer>(Named(options.name), topics, queue, clock_, waker);
}

std::vector<AmqpLink::Depth> RabbitBus::DepthsInHand(const QueueTopic& topic, const std::string& group,
                                                     MonotonicTime deadline) {
  using State = AmqpLink::Depth::State;
  std::vector<AmqpLink::Depth> sum(static_cast<size_t>(topic.partitions));
  std::lock_guard<std::mutex> lock(consumers_mutex_);
  for (RabbitConsumer* consumer : consumers_) {
    const std::vector<AmqpLink::Depth> depths = consumer->Depths(group, topic.name, deadline);
    for (size_t p = 0; p < depths.size(); ++p) {
      if (depths[p].state == State::kNotHeld) continue;
      if (depths[p].state == State::kMoving || sum[p].state == State::kMoving) {
        sum[p].state = State::kMoving;
        continue;
      }
      sum[p].state = State::kKnown;
      // Two may wait at one queue, of which one is fed: both see the same messages ready.
      sum[p].ready = std::max(sum[p].ready, depths[p].ready);
      sum[p].in_hand += depths[p].in_hand;
    }
  }
  return sum;
}

absl::StatusOr<std::vector<PartitionLag>> RabbitBus::Lag(const std::string& group, const std::string& topic) {
  using State = AmqpLink::Depth::State;
  QueueTopic queue_topic;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::StatusOr<TopicSpec> spec = SpecOf(group, topic);
    if (!spec.ok()) return spec.status();
    queue_topic = QueueTopicOf(*spec);
  }
  const MonotonicTime deadline = clock_.Now() + kLagTime;
  std::vector<AmqpLink::Depth> depths = DepthsInHand(queue_topic, group, deadline);
  std::vector<std::string> not_held;
  for (size_t p = 0; p < depths.size(); ++p) {
    if (depths[p].state == State::kMoving) {
      return absl::UnavailableError("queue '" + WorkQueueName(queue_topic, group, static_cast<int32_t>(p)) +
                                    "' is being handed over: what is on its way cannot be counted now");
    }
    if (depths[p].state == State::kNotHeld) {
      not_held.push_back(WorkQueueName(queue_topic, group, static_cast<int32_t>(p)));
    }
  }
  std::vector<uint64_t> ready;
  if (!not_held.empty()) {
    std::lock_guard<std::mutex> lock(reader_mutex_);
    if (reader_ == nullptr) reader_ = std::make_unique<DepthReader>(Named("lag"), clock_);
    absl::StatusOr<std::vector<uint64_t>> read = reader_->Read(not_held, deadline);
    if (!read.ok()) return read.status();
    ready = *std::move(read);
  }
  std::vector<PartitionLag> lags;
  size_t next = 0;
  for (size_t p = 0; p < depths.size(); ++p) {
    PartitionLag& lag = lags.emplace_back();
    lag.topic = topic;
    lag.partition = static_cast<int32_t>(p);
    const bool held = depths[p].state == State::kKnown;
    lag.lag = static_cast<int64_t>(held ? depths[p].ready + depths[p].in_hand : ready[next++]);
    lag.end = lag.lag;
  }
  return lags;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bus>> OpenRabbitBus(std::string_view url, const Clock& clock) {
  absl::StatusOr<AmqpUrl> parsed = ParseAmqpUrl(url);
  if (!parsed.ok()) return parsed.status();
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
