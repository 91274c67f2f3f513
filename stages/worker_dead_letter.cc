// Dead letters: published and confirmed like outputs, and only then is their message settled.
#include <algorithm>
#include <cstring>

#include "bus/digest.h"
#include "bus/envelope.h"
#include "bus/partition.h"
#include "stages/dead_letter.h"
#include "stages/message_id.h"
#include "stages/wall_text.h"
#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {
namespace {

// A reason or history longer than this is cut: what matters stands at its beginning.
constexpr size_t kReasonMax = 2048;
constexpr size_t kHistoryMax = 8192;

// The headers that a dead letter adds to its message.
struct DeadHeaders {
  std::string reason, stage, source, id, attempts, history, cut;
};

void AddDeadHeaders(const DeadHeaders& dead, const bus::Envelope& envelope, bus::HeaderBuilder& headers) {
  if (envelope.root.empty()) headers.Add(bus::kHeaderRoot, dead.id);
  headers.Add(kDeadReason, dead.reason)
      .Add(kDeadStage, dead.stage)
      .Add(kDeadSource, dead.source)
      .Add(kDeadId, dead.id)
      .Add(kDeadAttempts, dead.attempts)
      .Add(kDeadHistory, dead.history);
  if (!dead.cut.empty()) headers.Add(kDeadCut, dead.cut);
}

}  // namespace

void Worker::DeadLetter(Held& held, uint64_t place, const absl::Status& reason) {
  Slot& slot = held.window.at(place);
  const bus::Message& message = slot.delivery.message;
  if (!MayPark(held, slot)) {
    // No room to remember one more parked key: dead-lettering it would let its successors pass. It stays until keys
    // have been redriven.
    slot.state = SlotState::kBackoff;
    timers_.Set({.at = now_.monotonic + options_.retry.backoff_max,
                 .kind = Timer::Kind::kRetry,
                 .holding = held.holding,
                 .id = place});
    return;
  }
  slot.dead = true;
  ++held.publishing;
  // Room for what a dead letter adds, with the longest reason and history.
  const size_t added = 1024 + options_.stage.size() + kReasonMax + kHistoryMax;
  if (message.Bytes() + added <= options_.dead_letter_bytes_max || message.body.value_or("").empty()) {
    PublishDeadLetter(held, place, reason, /*cut=*/false);
    return;
  }
  slot.state = SlotState::kSpooling;
  const uint64_t spool = next_spool_++;
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  Spooling& spooling = spooling_[spool];
  spooling = {.holding = held.holding,
              .place = place,
              .reason = reason,
              .segment = held.window.SegmentOf(place),
              .id = envelope.id.empty() ? PlaceId(options_.inputs[static_cast<size_t>(held.holding.partition.topic)],
                                                  held.holding, slot.delivery)
                                        : std::string(envelope.id),
              .body = *message.body,
              .failures = 0};
  actions_->list.push_back(SpoolAction{.spool = spool, .id = spooling.id, .body = spooling.body});
}

void Worker::On(const SpooledEvent& event) {
  const auto it = spooling_.find(event.spool);
  if (it == spooling_.end()) return;
  if (!event.status.ok()) {
    const Duration delay =
        Doubling(options_.outage_backoff_initial, options_.outage_backoff_max, it->second.failures++);
    timers_.Set({.at = now_.monotonic + delay, .kind = Timer::Kind::kSpool, .holding = {}, .id = event.spool});
    return;
  }
  const Spooling spooling = std::move(it->second);
  spooling_.erase(it);
  if (Held* held = FindHeld(spooling.holding)) PublishDeadLetter(*held, spooling.place, spooling.reason, /*cut=*/true);
}

void Worker::PublishDeadLetter(Held& held, uint64_t place, const absl::Status& reason, bool cut) {
  Slot& slot = held.window.at(place);
  const bus::Delivery& delivery = slot.delivery;
  const bus::Message& message = delivery.message;
  const std::string& topic = options_.inputs[static_cast<size_t>(held.holding.partition.topic)];
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  DeadHeaders dead{.reason = StatusText(reason).substr(0, kReasonMax),
                   .stage = options_.stage,
                   .source = topic + "/" + std::to_string(held.holding.partition.number) + "/" +
                             (delivery.offset >= 0 ? std::to_string(delivery.offset) : "-"),
                   .id = envelope.id.empty() ? PlaceId(topic, held.holding, delivery) : std::string(envelope.id),
                   .attempts = std::to_string(slot.failures),
                   .history = slot.history == nullptr ? std::string() : slot.history->substr(0, kHistoryMax),
                   .cut = ""};
  std::string_view body = message.body.value_or("");
  if (cut) {
    char digest[16];
    bus::WriteHex(bus::Digest64(body), digest);
    dead.cut = std::to_string(body.size()) + " " + std::string(digest, sizeof(digest));
  }
  bus::HeaderBuilder headers;
  headers.AddAll(message.headers);
  AddDeadHeaders(dead, envelope, headers);
  const size_t key = message.key.value_or("").size();
  if (headers.View().block().size() + key > options_.dead_letter_bytes_max) {
    // Headers alone over the limit: those of the envelope are kept, the spool has no more than the body, and `cut` says
    // that something is missing.
    headers.Clear();
    bus::WriteEnvelope(envelope, headers);
    AddDeadHeaders(dead, envelope, headers);
  }
  if (cut) {
    const size_t taken = headers.View().block().size() + key;
    body = body.substr(0, options_.dead_letter_bytes_max > taken ? options_.dead_letter_bytes_max - taken : 0);
  }

  AttemptGroup* group = TakeGroup();
  const auto keep = [&](std::string_view bytes) {
    char* at = dead_arena_.Take(bytes.size());
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return std::string_view(at, bytes.size());
  };
  EncodedOutput output{.topic = options_.dead_letter.topic, .partition = 0, .message = {}};
  if (message.key.has_value()) output.message.key = keep(*message.key);
  if (message.body.has_value()) output.message.body = keep(body);
  output.message.headers = bus::Headers(keep(headers.View().block()));
  output.message.timestamp_ms = message.timestamp_ms;
  output.partition =
      message.key.has_value()
          ? bus::PartitionOfKey(*message.key, options_.dead_letter.partitions)
          : static_cast<int32_t>(bus::Digest64(dead.id) % static_cast<uint64_t>(options_.dead_letter.partitions));
  dead_arena_.TakeSegments(&group->output_segments);
  group->results[0].outputs.push_back(output);
  group->in_use = 1;
  if (options_.exactly_once) return HoldBack(held, place, group, 0);
  slot.state = SlotState::kPublishing;
  slot.unconfirmed = 1;
  lanes_.Enqueue({.input = held.holding, .place = place, .group = group, .item = 0, .output = 0, .dead_letter = true},
                 actions_);
}

// Whether the note has room for the message's key when its dead letter is confirmed: those that are under way will need theirs
// too.
bool Worker::MayPark(Held& held, const Slot& slot) {
  if (!options_.park_key || !options_.notes || !slot.keyed) return true;
  const std::vector<uint64_t>& parked = held.guard.note.parked;
  std::vector<uint64_t>& parking = held.guard.parking;
  if (std::binary_search(parked.begin(), parked.end(), slot.key)) return true;
  const auto at = std::lower_bound(parking.begin(), parking.end(), slot.key);
  if (at != parking.end() && *at == slot.key) return true;
  if (parked.size() + parking.size() >= PartitionNote::kParkedMax) return false;
  parking.insert(at, slot.key);
  return true;
}

// After a dead letter its key's later messages follow it, until it is redriven.
void Worker::Park(Held& held, const Slot& slot) {
  if (!options_.park_key || !options_.notes || !slot.keyed) return;
  std::erase(held.guard.parking, slot.key);
  std::vector<uint64_t>& parked = held.guard.note.parked;
  const auto at = std::lower_bound(parked.begin(), parked.end(), slot.key);
  if (at != parked.end() && *at == slot.key) return;
  parked.insert(at, slot.key);
  held.guard.note_changed = true;
}

}  // namespace millrace::stages
