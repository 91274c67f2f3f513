// Private to the world: see world_feed.cc.
#ifndef MILLRACE_SIM_WORLD_FEED_H_
#define MILLRACE_SIM_WORLD_FEED_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim/world.h"

namespace millrace::sim {

class World::Feed final : public bus::ProducerHandler, public bus::Waker {
 public:
  Feed(World& world, BrokerSide& side);
  ~Feed() override;

  void Turn();
  bool done() const { return accepted_ >= jobs_.size(); }
  size_t accepted() const { return accepted_; }
  // Whether all jobs have been due.
  bool started_all() const { return next_ >= jobs_.size(); }
  // For the network: the messages that are being published, in order.
  const std::vector<uint32_t>& pending() const { return pending_; }
  // What a token stands for.
  uint32_t MessageOfToken(uint64_t token) const {
    return token - 1 < out_.size() ? jobs_[out_[token - 1]].message : pending_[token - next_token_];
  }

 private:
  struct Entry {
    const Job* job = nullptr;
    const Input* input = nullptr;
    uint32_t message = kNoMessage;
    size_t lane = 0;
    uint32_t repeats = 0;
  };
  struct Lane {
    int32_t partition = 0;
    bool used = false;
    uint32_t out = 0;
    bool blocked = false;
    int64_t retry_at_ns = 0;
    std::deque<size_t> waiting;  // indices into jobs_
    std::vector<size_t> failed;
  };
  bool Pump();
  void OnConfirmed(const bus::Confirm& confirm) override;
  void OnWritable() override { writable_ = true; }
  void Wake() override {}

  World& world_;
  std::vector<std::string> topics_;
  std::vector<size_t> first_lane_;
  std::vector<Lane> lanes_;
  std::vector<size_t> used_;  // lanes that jobs go to, ascending
  std::vector<Entry> jobs_;
  std::vector<size_t> out_;  // by token - 1
  std::vector<uint32_t> pending_;
  std::vector<bus::Outgoing> outgoing_;
  std::unique_ptr<SimProducerCore> core_;
  Calm calm_;
  size_t next_ = 0;
  size_t waiting_ = 0;  // jobs that are due, or have failed, and are not handed over
  uint64_t next_token_ = 1;
  size_t accepted_ = 0;
  bool one_at_a_time_ = false;
  bool writable_ = true;
  int64_t turn_at_ns_ = -1;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_WORLD_FEED_H_
