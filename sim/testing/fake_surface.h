// A world that remembers what was done to it, and whether it has been put right again.
//
//   FakeSurface surface({.processes = 2, .topics = 3, .stages = 2, .ports = 1});
//   fault.fire(surface, f);
//   EXPECT_EQ(surface.calls(), (std::vector<std::string>{"Crash 1 500000000"}));
//
// Verbs on what is not there say false and change nothing, as in the real one.
//
// Threading: one thread.
#ifndef MILLRACE_SIM_TESTING_FAKE_SURFACE_H_
#define MILLRACE_SIM_TESTING_FAKE_SURFACE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/surface.h"

namespace millrace::sim {

class FakeSurface : public Surface {
 public:
  struct Size {
    uint32_t processes = 0;
    uint16_t topics = 0;
    uint16_t stages = 0;
    uint16_t ports = 0;
  };
  explicit FakeSurface(Size size, Plan plan = {}) : size_(size), plan_(std::move(plan)) {}

  const std::vector<std::string>& calls() const { return calls_; }
  void Forget() { calls_.clear(); }
  // What is still wrong of what does not heal by itself; empty: nothing.
  std::vector<std::string> Wrong() const {
    std::vector<std::string> wrong(wrong_.begin(), wrong_.end());
    for (const auto& [process, ways] : cut_) wrong.push_back("Cut " + std::to_string(process) + " " + ways);
    return wrong;
  }

  const Plan& plan() const override { return plan_; }
  int64_t now_ns() const override { return 0; }
  uint32_t processes() const override { return size_.processes; }

  bool Crash(uint32_t p, int64_t after) override { return Say(Process(p), "Crash", p, after); }
  bool Pause(uint32_t p, int64_t duration) override { return Say(Process(p), "Pause", p, duration); }
  bool Stick(uint32_t p, int64_t duration) override { return Say(Process(p), "Stick", p, duration); }
  bool Stop(uint32_t p, int64_t after) override { return Say(Process(p), "Stop", p, after); }
  bool Join(uint32_t p) override {
    if (!Say(Process(p), "Join", p)) return false;
    ++size_.processes;
    return true;
  }
  bool NewVersion(uint32_t p) override { return Say(Process(p), "NewVersion", p); }

  bool Delay(uint32_t p, int64_t extra, int64_t duration) override { return Say(Link(p), "Delay", p, extra, duration); }
  bool Cut(uint32_t p, bool to_broker, bool from_broker) override {
    if (!Say(Link(p) && (to_broker || from_broker), "Cut", p, to_broker, from_broker)) return false;
    cut_[p] = std::string(to_broker ? "to" : "") + (from_broker ? "from" : "");
    return true;
  }
  bool Mend(uint32_t p) override { return Say(Link(p) && cut_.erase(p) > 0, "Mend", p); }
  bool Reset(uint32_t p) override { return Say(Link(p), "Reset", p); }
  bool HalfOpen(uint32_t p) override { return Say(Link(p), "HalfOpen", p); }
  bool Lose(uint32_t p, uint32_t count) override { return Say(Link(p) && count > 0, "Lose", p, count); }

  bool StopBroker() override { return Say(wrong_.insert("broker").second, "StopBroker"); }
  bool StartBroker() override { return Say(wrong_.erase("broker") > 0, "StartBroker"); }
  bool SetCoordinator(bool available) override {
    return Say(Set("coordinator", !available), "SetCoordinator", available);
  }
  bool Refuse(uint16_t topic, int32_t partition, uint64_t count) override {
    const std::string what = "refusing " + std::to_string(topic) + "/" + std::to_string(partition);
    if (count == 0) return wrong_.erase(what) > 0;
    if (topic < size_.topics) wrong_.insert(what);
    return Say(topic < size_.topics, "Refuse", topic, partition, count);
  }
  bool LoseConfirms(uint32_t p, uint32_t count) override { return Say(Link(p) && count > 0, "LoseConfirms", p, count); }
  bool SetAlarm(bool on) override { return Say(Set("alarm", on), "SetAlarm", on); }
  bool Destroy(uint16_t topic, uint16_t partition, uint64_t count) override {
    return Say(topic < size_.topics && count > 0, "Destroy", topic, partition, count);
  }
  bool DeleteQueue(uint16_t stage, uint16_t partition) override {
    return Say(stage < size_.stages, "DeleteQueue", stage, partition);
  }
  bool Unbind(uint16_t topic, int64_t duration) override {
    return Say(topic < size_.topics, "Unbind", topic, duration);
  }
  bool Demote(uint16_t stage, uint16_t partition) override {
    return Say(stage < size_.stages, "Demote", stage, partition);
  }
  bool Redeliver(uint16_t stage, uint16_t partition) override {
    return Say(stage < size_.stages, "Redeliver", stage, partition);
  }
  bool ScatterConfirms(bool on) override { return Say(Set("confirms", on), "ScatterConfirms", on); }

  bool Misbehave(uint16_t stage, uint32_t job, Misbehaviour how, int64_t duration, uint32_t amount) override {
    return Say(stage < size_.stages, "Misbehave", stage, job, static_cast<int>(how), duration, amount);
  }
  bool PortOutage(uint16_t port, bool on) override {
    return Say(port < size_.ports && Set("outage " + std::to_string(port), on), "PortOutage", port, on);
  }
  bool PortSlow(uint16_t port, int64_t extra) override {
    return Say(port < size_.ports && Set("slow " + std::to_string(port), extra != 0), "PortSlow", port, extra);
  }
  bool PortUnanswered(uint16_t port, uint32_t count) override {
    return Say(port < size_.ports && count > 0, "PortUnanswered", port, count);
  }
  bool JumpWall(uint32_t p, int64_t by) override { return Say(Process(p) && by != 0, "JumpWall", p, by); }

  uint16_t topics() const override { return size_.topics; }
  uint16_t stages() const override { return size_.stages; }
  uint16_t ports() const override { return size_.ports; }

 private:
  bool Process(uint32_t p) const { return p < size_.processes; }
  bool Link(uint32_t p) const { return p == kFeed || Process(p); }
  bool Set(const std::string& what, bool on) { return on ? wrong_.insert(what).second : wrong_.erase(what) > 0; }
  template <typename... Args>
  bool Say(bool there, std::string call, Args... args) {
    if (!there) return false;
    ((call += " " + std::to_string(args)), ...);
    calls_.push_back(std::move(call));
    return true;
  }

  Size size_;
  Plan plan_;
  std::vector<std::string> calls_;
  std::set<std::string> wrong_;
  std::map<uint32_t, std::string> cut_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_TESTING_FAKE_SURFACE_H_
