#include "ops/destroyed_log.h"

#include <utility>

#include "ops/outcomes.h"

namespace millrace::ops {
namespace {

// Of the stage that reads `topic` as `group`: which branch of the job is gone with the record.
std::string_view BranchOf(const stages::ResolvedPipeline& pipeline, std::string_view group, std::string_view topic) {
  for (const stages::StageSettings& stage : pipeline.stages) {
    if (stage.group == group && stage.input == topic) return stage.branch;
  }
  return "";
}

}  // namespace

DestroyedLog::DestroyedLog(const stages::ResolvedPipeline& pipeline, std::string path, bus::MemoryBus* bus)
    : pipeline_(pipeline), path_(std::move(path)), bus_(bus) {
  bus_->WatchDestroyed([this](std::string_view group, std::string_view topic, const bus::Resting& record) {
    Write(group, topic, record);
  });
}

void DestroyedLog::Write(std::string_view group, std::string_view topic, const bus::Resting& record) {
  if (!status_.ok()) return;
  if (file_ == nullptr) {
    absl::StatusOr<std::unique_ptr<LineFile>> file = LineFile::Open(path_);
    status_ = file.status();
    if (!status_.ok()) return;
    file_ = *std::move(file);
  }
  line_.clear();
  AppendDestroyed(record.message,
                  std::string(topic) + "/" + std::to_string(record.partition) + "/" + std::to_string(record.offset),
                  group, BranchOf(pipeline_, group, topic), &line_);
  file_->Append(line_);
}

absl::Status DestroyedLog::Close() {
  if (bus_ == nullptr) return status_;
  bus_->WatchDestroyed(nullptr);
  bus_ = nullptr;
  if (file_ != nullptr) status_.Update(file_->Sync());
  return status_;
}

}  // namespace millrace::ops
