#include "sim/faulty_stage.h"

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sim/recorder.h"

namespace millrace::sim {
namespace {

// Whether something is to be done, and used up by it.
bool Use(World& world, World::Behaviour* behaviour) {
  if (behaviour == nullptr) return false;
  if (!behaviour->always) --behaviour->amount;
  world.Strikes(behaviour->fault);
  return true;
}

// OK: the stage may do its work. Sets *thrown where it has to throw instead.
absl::Status Misbehaved(World& world, Member& member, const stages::Context& context, bool* thrown) {
  if (!world.misbehaves()) return absl::OkStatus();
  const uint32_t message = world.recorder().Find(world.subject().topology().stages[member.stage].input, context.id());
  const uint32_t job = world.recorder().JobOf(message);
  if (job == kNoJob) return absl::OkStatus();
  if (Use(world, world.BehaviourOf(member.stage, job, Misbehaviour::kKill))) {
    world.Killed();
    world.CrashMember(member);
    return absl::AbortedError("the process is dead");
  }
  if (Use(world, world.BehaviourOf(member.stage, job, Misbehaviour::kThrow))) {
    *thrown = true;
    return absl::OkStatus();
  }
  if (Use(world, world.BehaviourOf(member.stage, job, Misbehaviour::kFail)))
    return absl::InternalError("a fault: the stage fails this time");
  if (Use(world, world.BehaviourOf(member.stage, job, Misbehaviour::kPoison)))
    return absl::InvalidArgumentError("a fault: the stage refuses this message");
  return absl::OkStatus();
}

class FaultyStage final : public stages::Stage {
 public:
  FaultyStage(World& world, Member& member, std::unique_ptr<stages::Stage> inner)
      : world_(world), member_(member), inner_(std::move(inner)) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    if (member_.dead) return absl::AbortedError("the process is dead");
    bool thrown = false;
    if (absl::Status s = Misbehaved(world_, member_, context, &thrown); !s.ok()) return s;
    if (thrown) throw std::runtime_error("a fault: the stage throws");
    return inner_->Process(context, message, outputs);
  }

 private:
  World& world_;
  Member& member_;
  const std::unique_ptr<stages::Stage> inner_;
};

class FaultyBatchStage final : public stages::BatchStage {
 public:
  FaultyBatchStage(World& world, Member& member, std::unique_ptr<stages::BatchStage> inner)
      : world_(world), member_(member), inner_(std::move(inner)) {}
  void Process(std::span<stages::BatchItem> batch) override {
    std::vector<absl::Status> refused;
    bool any = false;
    for (stages::BatchItem& item : batch) {
      bool thrown = false;
      refused.push_back(member_.dead ? absl::AbortedError("the process is dead")
                                     : Misbehaved(world_, member_, item.context, &thrown));
      any = any || !refused.back().ok();
      if (thrown) throw std::runtime_error("a fault: the stage throws");
    }
    if (member_.dead) return;
    if (!any) return inner_->Process(batch);
    // The stage is given those that are well, as a batch of their own.
    std::vector<stages::BatchItem> well;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (refused[i].ok())
        well.push_back({.context = batch[i].context,
                        .message = batch[i].message,
                        .outputs = batch[i].outputs,
                        .status = std::move(batch[i].status)});
    }
    if (!well.empty()) inner_->Process(well);
    size_t next = 0;
    for (size_t i = 0; i < batch.size(); ++i)
      batch[i].status = refused[i].ok() ? std::move(well[next++].status) : refused[i];
  }

 private:
  World& world_;
  Member& member_;
  const std::unique_ptr<stages::BatchStage> inner_;
};

}  // namespace

stages::MadeStage Faulty(World& world, Member& member, stages::MadeStage stage) {
  if (stage.single != nullptr) {
    stage.single = std::make_unique<FaultyStage>(world, member, std::move(stage.single));
  } else {
    stage.batch = std::make_unique<FaultyBatchStage>(world, member, std::move(stage.batch));
  }
  return stage;
}

}  // namespace millrace::sim
