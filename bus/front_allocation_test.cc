// Consumer and Producer stand on the hot path: once their windows have reached their size they allocate nothing.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "bus/consumer.h"
#include "bus/producer.h"
#include "gtest/gtest.h"

namespace {
uint64_t g_allocations = 0;  // of this test's only thread
}  // namespace

// Not inlined: the compiler would find malloc and free mixed with new and delete.
[[gnu::noinline]] void* operator new(size_t size) {
  ++g_allocations;
  void* p = std::malloc(size);
  if (p == nullptr) std::abort();
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace millrace::bus {
namespace {

constexpr size_t kBatch = 64;

// Delivers one batch of each of two partitions at each Poll.
class EndlessConsumer final : public ConsumerDriver {
 public:
  void Poll(ConsumerHandler& handler) override {
    const Assignment assignments[2] = {{{{0, 0}, 1}, 0, ""}, {{{0, 1}, 2}, 0, ""}};
    if (next_ == 0) handler.OnAssigned(assignments);
    for (size_t i = 0; i < kBatch; ++i) deliveries_[i].sequence = next_ + i;
    next_ += kBatch;
    for (const Assignment& a : assignments) {
      handler.OnDelivered({.holding = a.holding, .deliveries = deliveries_, .segment = {}});
    }
  }
  MonotonicTime NextTimer() const override { return {}; }
  void Settle(const struct Settle&) override { ++settled; }
  void Flow(Holding, bool) override {}
  void Release(Holding) override {}
  absl::Status Close(MonotonicTime) override { return absl::OkStatus(); }
  uint64_t settled = 0;

 private:
  uint64_t next_ = 0;
  std::vector<Delivery> deliveries_ = std::vector<Delivery>(kBatch);
};

// Keeps the last 40 batches, and settles the second half of each before the first.
class LateSettler final : public ConsumerHandler {
 public:
  void OnAssigned(std::span<const Assignment>) override {}
  void OnRevoking(std::span<const Holding>, MonotonicTime) override {}
  void OnLost(std::span<const Holding>) override {}
  void OnNoted(Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status&) override {}
  void OnDelivered(const DeliveryBatch& batch) override {
    const uint64_t first = batch.deliveries.front().sequence;
    if (first < 40 * kBatch) return;
    const uint64_t old = first - 40 * kBatch;
    if (individual) Settle(batch.holding, old + kBatch / 2, old + kBatch - 1);
    Settle(batch.holding, old, old + kBatch / (individual ? 2 : 1) - 1);
  }
  void Settle(Holding holding, uint64_t first, uint64_t last) {
    const SettleRange range{first, last};
    const absl::Status s = consumer->Settle({.holding = holding, .ranges = {&range, 1}, .next = last + 1, .note = {}});
    if (!s.ok()) ++refused;
  }
  Consumer* consumer = nullptr;
  bool individual = false;
  uint64_t refused = 0;
};

class FrontAllocation : public ::testing::TestWithParam<Settlement> {};

TEST_P(FrontAllocation, ConsumerAllocatesNothingInSteadyState) {
  Capabilities capabilities;
  capabilities.settlement = GetParam();
  auto driver = std::make_unique<EndlessConsumer>();
  const EndlessConsumer& endless = *driver;
  Consumer consumer(std::move(driver), capabilities);
  LateSettler handler;
  handler.consumer = &consumer;
  handler.individual = GetParam() == Settlement::kIndividual;
  for (int i = 0; i < 200; ++i) consumer.Poll(handler);
  const uint64_t before = g_allocations;
  for (int i = 0; i < 10'000; ++i) consumer.Poll(handler);
  EXPECT_EQ(g_allocations, before);
  EXPECT_EQ(handler.refused, 0u);
  EXPECT_GT(endless.settled, 20'000u);
}

INSTANTIATE_TEST_SUITE_P(Both, FrontAllocation, ::testing::Values(Settlement::kPrefix, Settlement::kIndividual));

// Answers what is 40 batches old, the second half of it first.
class EndlessProducer final : public ProducerDriver {
 public:
  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override {
    end_ = first_token + messages.size();
    return messages.size();
  }
  void Poll(ProducerHandler& handler) override {
    if (end_ <= 41 * kBatch) return;
    const uint64_t old = end_ - 41 * kBatch;
    handler.OnConfirmed({old + kBatch / 2, kBatch / 2, absl::OkStatus()});
    handler.OnConfirmed({old, kBatch / 2, absl::OkStatus()});
  }
  MonotonicTime NextTimer() const override { return {}; }
  absl::Status Close(ProducerHandler&, MonotonicTime) override { return absl::OkStatus(); }

 private:
  uint64_t end_ = 0;
};

class CountConfirms final : public ProducerHandler {
 public:
  void OnConfirmed(const Confirm& confirm) override { confirmed += confirm.count; }
  void OnWritable() override {}
  uint64_t confirmed = 0;
};

TEST(FrontAllocationOfProducer, AllocatesNothingInSteadyState) {
  Producer producer(std::make_unique<EndlessProducer>());
  CountConfirms handler;
  const std::vector<Outgoing> messages(kBatch);
  uint64_t before = 0;
  for (int i = 0; i < 10'200; ++i) {
    if (i == 200) before = g_allocations;
    producer.Publish(messages);
    producer.Poll(handler);
  }
  EXPECT_EQ(g_allocations, before);
  EXPECT_EQ(producer.Pending(), 40 * kBatch);
  EXPECT_EQ(handler.confirmed, 10'160 * kBatch);
}

}  // namespace
}  // namespace millrace::bus
