#include "sim/observed/process_log.h"

#include <charconv>
#include <utility>

#include "bus/digest.h"
#include "bus/envelope.h"
#include "sim/message_content.h"

namespace millrace::sim {
namespace {

uint64_t PartitionOf(const bus::Holding& holding) { return static_cast<uint64_t>(holding.partition.number); }

void AppendNumber(uint64_t number, std::string* to) {
  char text[24];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  to->push_back(' ');
  to->append(text, end);
}

}  // namespace

// Writes down one event, or one action.
class ProcessLog::Writer {
 public:
  Writer(ProcessLog& log, const stages::Actions& actions) : log_(log), actions_(actions) {}

  void operator()(const stages::AssignedEvent& e) const {
    for (const bus::Assignment& a : e.assignments) log_.Line('a', {PartitionOf(a.holding), a.holding.epoch, a.start});
  }
  void operator()(const stages::RevokingEvent& e) const { Holdings('r', e.holdings); }
  void operator()(const stages::LostEvent& e) const { Holdings('l', e.holdings); }
  void operator()(const stages::DeliveredEvent& e) const {
    const bus::Holding& holding = e.batch.holding;
    for (const bus::Delivery& d : e.batch.deliveries)
      log_.Line('D', {PartitionOf(holding), holding.epoch, d.sequence, d.redeliveries}, d.message);
  }
  void operator()(const stages::AttemptsEvent& e) const {
    for (uint32_t i = e.from; i < e.to; ++i) {
      const stages::AttemptItem& item = e.group->items[i];
      const stages::AttemptResult& result = e.group->results[i];
      const bool done = !result.skipped && result.status.ok();
      log_.Line('A', {PartitionOf(item.holding), item.holding.epoch, item.delivery.sequence, item.attempt,
                      result.skipped ? 0 : static_cast<uint64_t>(result.status.code()), result.skipped ? 1u : 0u,
                      done ? result.outputs.size() : 0});
      if (!done) continue;
      for (const stages::EncodedOutput& output : result.outputs)
        log_.Line('O', {static_cast<uint64_t>(output.topic)}, output.message);
    }
  }
  void operator()(const stages::ConfirmedEvent& e) const {
    log_.Line('C', {e.confirm.first, e.confirm.count, static_cast<uint64_t>(e.confirm.status.code())});
  }
  void operator()(const stages::TransactedEvent& e) const { log_.Line('t', {static_cast<uint64_t>(e.status.code())}); }
  void operator()(const stages::DrainEvent&) const { log_.Line('g', {}); }

  void operator()(const stages::DispatchAction& a) const {
    for (const stages::AttemptItem& item : a.group->items)
      log_.Line('d', {PartitionOf(item.holding), item.holding.epoch, item.delivery.sequence, item.attempt});
  }
  void operator()(const stages::PublishAction& a) const {
    uint64_t token = a.first_token;
    for (const bus::Outgoing& out : actions_.Outgoing(a))
      log_.Line('P', {token++, static_cast<uint64_t>(out.topic), static_cast<uint64_t>(out.partition)}, out.message);
  }
  void operator()(const stages::SettleAction& a) const {
    for (const bus::SettleRange& range : actions_.Ranges(a))
      log_.Line('s', {PartitionOf(a.holding), a.holding.epoch, range.first, range.last});
    if (!a.committed) Commit(a);
  }
  void operator()(const stages::TransactAction& a) const {
    if (a.commit) {
      for (const stages::SettleAction& settle : actions_.Settles(a)) Commit(settle);
    }
    log_.Line('T', {a.commit ? 1u : 0u});
  }
  void operator()(const stages::ReleaseAction& a) const { log_.Line('x', {PartitionOf(a.holding), a.holding.epoch}); }

  // What says nothing about a job.
  void operator()(const stages::NotedEvent&) const {}
  void operator()(const stages::ProgressEvent&) const {}
  void operator()(const stages::SpooledEvent&) const {}
  void operator()(const stages::TimerEvent&) const {}
  void operator()(const stages::GateEvent&) const {}
  void operator()(const stages::CancelAction&) const {}
  void operator()(const stages::ProgressAction&) const {}
  void operator()(const stages::FlowAction&) const {}
  void operator()(const stages::SpoolAction&) const {}
  void operator()(const stages::SetTimerAction&) const {}
  void operator()(const stages::ReadyAction&) const {}
  void operator()(const stages::GateAction&) const {}
  void operator()(const stages::LeaveAction&) const {}

 private:
  void Holdings(char kind, std::span<const bus::Holding> holdings) const {
    for (const bus::Holding& holding : holdings) log_.Line(kind, {PartitionOf(holding), holding.epoch});
  }
  void Commit(const stages::SettleAction& a) const {
    log_.Line('c', {PartitionOf(a.holding), a.holding.epoch, a.next});
  }

  ProcessLog& log_;
  const stages::Actions& actions_;
};

absl::StatusOr<std::unique_ptr<ProcessLog>> ProcessLog::Open(const std::string& path, std::string_view process,
                                                             std::string_view stage,
                                                             std::span<const std::string> topics,
                                                             std::function<void(const absl::Status&)> on_failure) {
  std::string head = std::string(kProcessLogHead) + "\n";
  const auto add = [&head](std::string_view name) {
    head.append(name).push_back('\n');
    return name.find('\n') == std::string_view::npos;
  };
  bool good = add(process) && add(stage) && add(std::to_string(topics.size()));
  for (const std::string& topic : topics) good = add(topic) && good;
  if (!good) {
    return absl::InvalidArgumentError("a history cannot be written for process \"" + std::string(process) +
                                      "\": its name has a line feed; give it another");
  }
  // Its name may be another's, who is at work: what that has written must not go.
  absl::StatusOr<std::unique_ptr<stages::FileLock>> lock = stages::FileLock::Take(path + ".lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::AlreadyExistsError("another process that is called \"" + std::string(process) +
                                    "\" is alive and writes the history " + path +
                                    "; give each process a name of its own: --name NAME, or none");
  }
  if (!lock.ok()) return lock.status();
  absl::StatusOr<std::unique_ptr<stages::AppendFile>> file = stages::AppendFile::Open(path);
  if (!file.ok()) return file.status();
  std::unique_ptr<ProcessLog> log(new ProcessLog(*std::move(lock), *std::move(file), std::move(on_failure)));
  // Who has the name of one before begins anew: two lives in one file could not be told apart.
  if (absl::Status s = log->file_->Truncate(0); !s.ok()) return s;
  if (absl::Status s = log->file_->Write(head); !s.ok()) return s;
  return log;
}

// Behind the step a group of attempts may be that of the next dispatch already.
void ProcessLog::BeforeStep(stages::Instant now, const stages::Event& event) {
  now_ns_ = now.monotonic.ns;
  const stages::Actions none;
  std::visit(Writer(*this, none), event);
}

void ProcessLog::OnStep(stages::Instant now, const stages::Event&, const stages::Actions& actions, size_t first) {
  now_ns_ = now.monotonic.ns;
  const Writer writer(*this, actions);
  for (size_t i = first; i < actions.list.size(); ++i) std::visit(writer, actions.list[i]);
  Write();
}

void ProcessLog::Trouble(MonotonicTime now, const absl::Status& status) {
  now_ns_ = now.ns;
  Line('!', {static_cast<uint64_t>(status.code())});
  Write();
}

void ProcessLog::End(MonotonicTime now, const absl::Status& result) {
  now_ns_ = now.ns;
  Line('E', {static_cast<uint64_t>(result.code())});
  Write();
}

void ProcessLog::Line(char kind, std::initializer_list<uint64_t> numbers) {
  lines_.push_back(kind);
  AppendNumber(static_cast<uint64_t>(now_ns_), &lines_);
  for (const uint64_t number : numbers) AppendNumber(number, &lines_);
  lines_.push_back('\n');
}

void ProcessLog::Line(char kind, std::initializer_list<uint64_t> numbers, const bus::Message& message) {
  Line(kind, numbers);
  lines_.back() = ' ';
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  char hex[48];
  lines_.append(hex, bus::WriteHex(bus::DigestOf(envelope.id), hex));
  lines_.push_back(' ');
  lines_.append(hex, bus::WriteHex(ContentOf(envelope.type, message), hex));
  lines_.push_back('\n');
}

void ProcessLog::Write() {
  const bool write = status_.ok() && !lines_.empty();
  if (write) status_ = file_->Write(lines_);
  lines_.clear();
  if (write && !status_.ok()) on_failure_(status_);
}

}  // namespace millrace::sim
