#include "sim/guard/call_log.h"

#include <algorithm>
#include <span>

#include "bus/hex.h"
#include "sim/guard/difference.h"
#include "sim/guard/stage_marker.h"

namespace millrace::sim {
namespace {

void AddEffect(const PortLog::Effect& effect, LoggedCall* call) {
  call->parts.emplace_back("the effect on port " + effect.port,
                           effect.id + " " + bus::Hex(effect.digest) + (effect.repeat ? ", known already" : ""));
}

void AddCalls(const PortLog& ports, LoggedCall* call) {
  for (const PortLog::Call& each : ports.calls)
    call->parts.emplace_back("what it asks of port " + each.port, each.what);
}

void AddResult(const absl::Status& status, const stages::Outputs& outputs, LoggedCall* call) {
  call->parts.emplace_back("its status", status.ToString());
  if (!status.ok()) return;
  for (size_t i = 0; i < outputs.emitted(); ++i) {
    const stages::Emission emission = outputs.Emitted(i);
    for (const auto& [part, value] : PartsOf(emission)) {
      if (value.has_value()) call->parts.emplace_back(NameOfPart(part, i, emission.to), *value);
    }
  }
  call->parts.emplace_back("the number of outputs", std::to_string(outputs.emitted()));
  call->parts.emplace_back("the reason for emitting nothing", outputs.drop_reason());
}

class LoggedStage final : public stages::Stage {
 public:
  LoggedStage(std::string name, std::unique_ptr<stages::Stage> stage, CallLog* log)
      : name_(std::move(name)), stage_(std::move(stage)), log_(*log) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    PortLog ports;
    StageCall call{.stage = name_, .input = context.id(), .job = context.root(), .ports = &ports};
    absl::Status status = absl::UnknownError("threw");
    const auto log = [&] {
      LoggedCall& logged = log_.calls.emplace_back(LoggedCall{name_, std::string(context.id()), context.attempt(), {}});
      AddCalls(ports, &logged);
      for (const PortLog::Effect& effect : ports.effects) AddEffect(effect, &logged);
      AddResult(status, outputs, &logged);
    };
    try {
      InStage in(&call);
      status = stage_->Process(context, message, outputs);
    } catch (...) {
      log();
      throw;
    }
    log();
    return status;
  }

 private:
  const std::string name_;
  const std::unique_ptr<stages::Stage> stage_;
  CallLog& log_;
};

// A batch is a call for each of its messages, with the effects under that message's id; others go with the first.
class LoggedBatchStage final : public stages::BatchStage {
 public:
  LoggedBatchStage(std::string name, std::unique_ptr<stages::BatchStage> stage, CallLog* log)
      : name_(std::move(name)), stage_(std::move(stage)), log_(*log) {}
  void Process(std::span<stages::BatchItem> batch) override {
    if (batch.empty()) return stage_->Process(batch);
    PortLog ports;
    const stages::Context& first = batch.front().context;
    StageCall call{.stage = name_, .input = first.id(), .job = first.root(), .ports = &ports};
    try {
      InStage in(&call);
      stage_->Process(batch);
    } catch (...) {
      Log(batch, ports, /*threw=*/true);
      throw;
    }
    Log(batch, ports, /*threw=*/false);
  }

 private:
  void Log(std::span<stages::BatchItem> batch, const PortLog& ports, bool threw) {
    const auto is_of = [](const PortLog::Effect& effect, const stages::BatchItem& item) {
      return effect.id == item.context.id();
    };
    for (size_t i = 0; i < batch.size(); ++i) {
      const stages::BatchItem& item = batch[i];
      LoggedCall& logged =
          log_.calls.emplace_back(LoggedCall{name_, std::string(item.context.id()), item.context.attempt(), {}});
      if (i == 0) AddCalls(ports, &logged);
      for (const PortLog::Effect& effect : ports.effects) {
        const bool strange = std::none_of(batch.begin(), batch.end(),
                                          [&](const stages::BatchItem& each) { return is_of(effect, each); });
        if (is_of(effect, item) || (i == 0 && strange)) AddEffect(effect, &logged);
      }
      AddResult(threw ? absl::UnknownError("threw") : item.status, item.outputs, &logged);
    }
  }

  const std::string name_;
  const std::unique_ptr<stages::BatchStage> stage_;
  CallLog& log_;
};

void Put(uint64_t number, std::string* bytes) {
  for (int shift = 0; shift < 64; shift += 8) bytes->push_back(static_cast<char>(number >> shift & 0xff));
}

void Put(std::string_view text, std::string* bytes) {
  Put(text.size(), bytes);
  bytes->append(text);
}

bool Get(std::string_view* bytes, uint64_t* number) {
  if (bytes->size() < 8) return false;
  *number = 0;
  for (size_t i = 0; i < 8; ++i) *number |= uint64_t{static_cast<unsigned char>((*bytes)[i])} << (8 * i);
  bytes->remove_prefix(8);
  return true;
}

bool Get(std::string_view* bytes, std::string* text) {
  uint64_t size = 0;
  if (!Get(bytes, &size) || size > bytes->size()) return false;
  text->assign(bytes->substr(0, size));
  bytes->remove_prefix(size);
  return true;
}

std::string Words(const LoggedCall& call) {
  return call.stage + " for " + call.input + (call.attempt > 1 ? ", attempt " + std::to_string(call.attempt) : "");
}

// Of two calls that are for the same message.
CallDifference DifferenceOf(const LoggedCall& first, const LoggedCall& second) {
  const size_t common = std::min(first.parts.size(), second.parts.size());
  size_t at = 0;
  while (at < common && first.parts[at] == second.parts[at]) ++at;
  const auto value = [at](const LoggedCall& call, const std::string& what) -> std::optional<std::string_view> {
    if (at >= call.parts.size() || call.parts[at].first != what) return std::nullopt;
    return call.parts[at].second;
  };
  const std::string what = at < first.parts.size() ? first.parts[at].first : second.parts[at].first;
  const std::optional<Difference> difference = Differ(what, value(first, what), value(second, what));
  return {.stage = first.stage,
          .input = first.input,
          .what = what,
          .first = difference.has_value() ? difference->first : "none",
          .second = difference.has_value() ? difference->second : "none"};
}

}  // namespace

std::string CallLog::ToBytes() const {
  std::string bytes;
  Put(calls.size(), &bytes);
  for (const LoggedCall& call : calls) {
    Put(call.stage, &bytes);
    Put(call.input, &bytes);
    Put(call.attempt, &bytes);
    Put(call.parts.size(), &bytes);
    for (const auto& [what, value] : call.parts) {
      Put(what, &bytes);
      Put(value, &bytes);
    }
  }
  return bytes;
}

std::optional<CallLog> CallLog::FromBytes(std::string_view bytes) {
  CallLog log;
  uint64_t calls = 0;
  if (!Get(&bytes, &calls)) return std::nullopt;
  for (uint64_t i = 0; i < calls; ++i) {
    LoggedCall& call = log.calls.emplace_back();
    uint64_t parts = 0;
    if (!Get(&bytes, &call.stage) || !Get(&bytes, &call.input) || !Get(&bytes, &call.attempt) || !Get(&bytes, &parts))
      return std::nullopt;
    for (uint64_t part = 0; part < parts; ++part) {
      auto& [what, value] = call.parts.emplace_back();
      if (!Get(&bytes, &what) || !Get(&bytes, &value)) return std::nullopt;
    }
  }
  if (!bytes.empty()) return std::nullopt;
  return log;
}

std::unique_ptr<stages::Stage> Logged(std::string name, std::unique_ptr<stages::Stage> stage, CallLog* log) {
  return std::make_unique<LoggedStage>(std::move(name), std::move(stage), log);
}

std::unique_ptr<stages::BatchStage> Logged(std::string name, std::unique_ptr<stages::BatchStage> stage, CallLog* log) {
  return std::make_unique<LoggedBatchStage>(std::move(name), std::move(stage), log);
}

std::optional<CallDifference> FirstDifference(const CallLog& first, const CallLog& second) {
  const size_t common = std::min(first.calls.size(), second.calls.size());
  size_t at = 0;
  while (at < common && first.calls[at] == second.calls[at]) ++at;
  if (at == first.calls.size() && at == second.calls.size()) return std::nullopt;
  const LoggedCall* const a = at < first.calls.size() ? &first.calls[at] : nullptr;
  const LoggedCall* const b = at < second.calls.size() ? &second.calls[at] : nullptr;
  if (a != nullptr && b != nullptr && Words(*a) == Words(*b)) return DifferenceOf(*a, *b);
  // All calls before were equal: what decided which comes next is none of their results.
  const LoggedCall& known = a != nullptr ? *a : *b;
  return CallDifference{.stage = known.stage,
                        .input = known.input,
                        .what = "which call comes next",
                        .first = a == nullptr ? "none" : Words(*a),
                        .second = b == nullptr ? "none" : Words(*b)};
}

}  // namespace millrace::sim
