// The broker and the network around it, as the world sees them: one implementation for each semantics.
//
// Threading: the world's.
#ifndef MILLRACE_SIM_BROKER_SIDE_H_
#define MILLRACE_SIM_BROKER_SIDE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/capabilities.h"
#include "bus/clock.h"
#include "sim/history.h"
#include "sim/plan.h"
#include "sim/wire.h"

namespace millrace::sim {

class World;
struct Member;

// Whether polling a core would do nothing: the last Poll told nothing, nothing has come and nothing was asked since, and none
// of its timers is due. (A producer's timer says when it has answers to tell: what its last Poll told does not matter.)
class Calm {
 public:
  // Something was asked of the core.
  void Disturb() { calm_ = false; }
  template <class Core>
  bool Holds(const Core& core, MonotonicTime now) const {
    return calm_ && !core.stirred && now < core.NextTimer();
  }
  // Around a Poll.
  template <class Core>
  void Begin(Core& core) {
    core.stirred = false;
    told_ = 0;
  }
  void Told() { ++told_; }
  template <class Core>
  void End(const Core& core) {
    calm_ = told_ == 0 && !core.stirred;
  }

 private:
  bool calm_ = false;
  uint32_t told_ = 0;
};

// A consumer's core as the world drives it: the driver, and closing without blocking.
class SimConsumerCore : public bus::ConsumerDriver {
 public:
  // Something has come since somebody set it to false.
  bool stirred = true;
  // A Poll delivers all that is there, and what is settled is sent at once: neither leaves anything for the next Poll.
  bool thorough = false;
  virtual void Advance(MonotonicTime now) = 0;
  virtual void StartClose() = 0;
  virtual bool closed() const = 0;
  virtual std::string Pending() const = 0;
  // What its library's own threads do while the process does not poll.
  virtual void KeepAlive() = 0;
};
class SimProducerCore : public bus::ProducerDriver {
 public:
  bool stirred = true;
  virtual void Advance(MonotonicTime now) = 0;
  virtual void KeepAlive() = 0;
  virtual size_t outstanding() const = 0;
};

class BrokerSide {
 public:
  virtual ~BrokerSide() = default;

  virtual const bus::Capabilities& capabilities() const = 0;
  virtual std::unique_ptr<SimConsumerCore> OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                        bus::Waker& waker) = 0;
  virtual std::unique_ptr<SimProducerCore> OpenProducer(const Owner& owner, const bus::ProducerOptions& options,
                                                        bus::Waker& waker) = 0;
  // The message of a delivery.
  virtual uint32_t MessageOf(uint16_t topic, uint16_t partition, const bus::Delivery& delivery) = 0;

  // Bytes arrive.
  virtual void ToBroker(uint32_t connection) = 0;
  virtual void ToClient(uint32_t connection) = 0;
  // What a producer's library has kept back goes out.
  virtual void Flush(uint32_t) {}
  // Does what is due at the broker; tells when the next is.
  virtual void Advance() = 0;
  virtual int64_t DueNs() const = 0;
  // What was cut may travel again.
  virtual void Mended(uint32_t process) = 0;

  // Every message is settled by every group that reads it.
  virtual bool AllSettled() const = 0;
  // Calls for each message that lies on a topic, as it was interned.
  virtual void ForEachOn(uint16_t topic, const std::function<void(uint32_t message)>& visit) = 0;

  // Faults; see Surface.
  virtual bool Reset(uint32_t process, bool broker_too) = 0;
  virtual bool StopBroker() = 0;
  virtual bool StartBroker() = 0;
  virtual bool SetCoordinator(bool) { return false; }
  virtual bool Refuse(uint16_t topic, int32_t partition, uint64_t count) = 0;
  virtual bool SetAlarm(bool) { return false; }
  virtual bool Destroy(uint16_t, uint16_t, uint64_t) { return false; }
  virtual bool DeleteQueue(uint16_t, uint16_t) { return false; }
  virtual bool Unbind(uint16_t, int64_t) { return false; }
  virtual bool Demote(uint16_t, uint16_t) { return false; }
  virtual bool Redeliver(uint16_t stage, uint16_t partition, uint64_t records) = 0;
  virtual bool ScatterConfirms(bool) { return false; }
};

bus::Capabilities LogCapabilities();
bus::Capabilities QueueCapabilities();
inline bus::Capabilities CapabilitiesOf(Semantics semantics) {
  return semantics == Semantics::kLog ? LogCapabilities() : QueueCapabilities();
}

std::unique_ptr<BrokerSide> MakeLogSide(World& world);
std::unique_ptr<BrokerSide> MakeQueueSide(World& world);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_BROKER_SIDE_H_
