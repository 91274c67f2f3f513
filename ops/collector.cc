#include "ops/collector.h"

#include <string_view>

#include "ops/outcomes.h"
#include "stages/dead_letter.h"

namespace millrace::ops {
namespace {

constexpr uint32_t kBatchMax = 1024;

std::string_view BranchOf(const stages::ResolvedPipeline& pipeline, const bus::Message& dead_letter) {
  const std::string_view name = dead_letter.headers.Find(stages::kDeadStage).value_or("");
  for (const stages::StageSettings& stage : pipeline.stages) {
    if (stage.name == name) return stage.branch;
  }
  return {};
}

}  // namespace

Collector::Collector(const stages::ResolvedPipeline& pipeline, bus::Bus* bus, bool durable, const Clock* clock)
    : pipeline_(pipeline), bus_(bus), durable_(durable), clock_(clock) {}

absl::Status Collector::Open(const std::string& dead_letters, const std::string& receipts) {
  for (const stages::TopicSettings& topic : pipeline_.topics) {
    if (topic.dead_letter || topic.receipts) topics_.push_back(topic.name);
  }
  absl::StatusOr<std::unique_ptr<LineFile>> file = LineFile::Open(dead_letters);
  if (!file.ok()) return file.status();
  dead_letters_ = *std::move(file);
  if (!pipeline_.receipts.empty()) {
    file = LineFile::Open(receipts);
    if (!file.ok()) return file.status();
    receipts_ = *std::move(file);
  }
  if (topics_.empty()) return absl::OkStatus();
  bus::ConsumerOptions options;
  options.group = pipeline_.ledger_group;
  options.topics = topics_;
  options.instance = "ledger-0";
  options.batch_max = kBatchMax;
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> driver = bus_->OpenConsumer(options, sleeper_);
  if (!driver.ok()) return driver.status();
  consumer_ = std::make_unique<bus::Consumer>(*std::move(driver), bus_->capabilities());
  return absl::OkStatus();
}

absl::Status Collector::Run() {
  if (consumer_ == nullptr) return absl::OkStatus();
  absl::Status failed;
  while (failed.ok() && !stopping_.load(std::memory_order_acquire)) {
    bool busy = false;
    // What the bus says of its own state passes; it is the instances' to report.
    consumer_
        ->PollEach([&](const bus::DeliveryBatch& batch) {
          busy = true;
          if (failed.ok()) failed = Take(batch);
        })
        .IgnoreError();
    if (!busy && failed.ok()) sleeper_.SleepUntil(consumer_->NextTimer(), *clock_);
  }
  const MonotonicTime deadline = stopping_ ? MonotonicTime{deadline_ns_} : clock_->Now();
  // A run that has ended in good order is not fed again: what it leaves has to survive the machine.
  failed.Update(dead_letters_->Sync());
  failed.Update(receipts_->Sync());
  failed.Update(consumer_->Close(deadline));
  return failed;
}

absl::Status Collector::Take(const bus::DeliveryBatch& batch) {
  const std::string& topic = topics_[static_cast<size_t>(batch.holding.partition.topic)];
  const bool receipts = topic == pipeline_.receipts;
  LineFile& file = receipts ? *receipts_ : *dead_letters_;
  for (const bus::Delivery& delivery : batch.deliveries) {
    const std::string place =
        topic + "/" + std::to_string(batch.holding.partition.number) + "/" + std::to_string(delivery.offset);
    line_.clear();
    if (receipts) {
      AppendReceipt(delivery.message, place, &line_);
    } else {
      AppendDeadLetter(delivery.message, place, BranchOf(pipeline_, delivery.message), &line_);
    }
    file.Append(line_);
  }
  if (absl::Status written = durable_ ? file.Sync() : file.Flush(); !written.ok()) return written;
  // Aborted: the partition went to another member, which writes the lines again: the ledger calls them duplicates.
  consumer_->SettleAll(batch).IgnoreError();
  return absl::OkStatus();
}

void Collector::Stop(MonotonicTime deadline) {
  deadline_ns_ = deadline.ns;
  stopping_.store(true, std::memory_order_release);
  sleeper_.Wake();
}

}  // namespace millrace::ops
