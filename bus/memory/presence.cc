#include "bus/memory/presence.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {
namespace {

// Beats travel as "mr-beat 2" and length-prefixed fields in decimal text: readable in a broker's own tools.
constexpr std::string_view kMagic = "mr-beat 2\n";
constexpr size_t kNameMax = 1024;
constexpr size_t kListMax = 100'000;

void PutNumber(std::string& out, uint64_t value) { out.append(std::to_string(value)).push_back(' '); }

void PutText(std::string& out, std::string_view text) {
  PutNumber(out, text.size());
  out.append(text).push_back(' ');
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool Number(uint64_t max, uint64_t* value) {
    const size_t space = rest_.find(' ');
    if (space == std::string_view::npos || space == 0 || space > 20) return false;
    uint64_t sum = 0;
    for (const char digit : rest_.substr(0, space)) {
      if (digit < '0' || digit > '9') return false;
      if (__builtin_mul_overflow(sum, 10, &sum)) return false;
      if (__builtin_add_overflow(sum, static_cast<uint64_t>(digit - '0'), &sum)) return false;
    }
    rest_.remove_prefix(space + 1);
    *value = sum;
    return sum <= max;
  }
  bool Int(int32_t* value) {
    uint64_t wide = 0;
    if (!Number(INT32_MAX, &wide)) return false;
    *value = static_cast<int32_t>(wide);
    return true;
  }
  bool Flag(bool* value) {
    uint64_t wide = 0;
    if (!Number(1, &wide)) return false;
    *value = wide != 0;
    return true;
  }
  bool Text(std::string* text) {
    uint64_t size = 0;
    if (!Number(kNameMax, &size) || rest_.size() < size + 1 || rest_[size] != ' ') return false;
    text->assign(rest_.substr(0, size));
    rest_.remove_prefix(size + 1);
    return true;
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool ReadTopic(Reader& reader, BeatTopic* topic) {
  uint64_t declined = 0;
  if (!reader.Text(&topic->name) || !reader.Int(&topic->partitions) || !reader.Number(kListMax, &declined))
    return false;
  if (topic->partitions > static_cast<int32_t>(kListMax)) return false;
  for (uint64_t i = 0; i < declined; ++i) {
    int32_t partition = 0;
    if (!reader.Int(&partition)) return false;
    topic->declined.push_back(partition);
  }
  return true;
}

}  // namespace

std::string EncodeBeat(const Beat& beat) {
  std::string out(kMagic);
  PutText(out, beat.name);
  PutNumber(out, beat.incarnation);
  PutNumber(out, beat.number);
  PutNumber(out, static_cast<uint64_t>(std::max(beat.capacity, 0)));
  PutNumber(out, beat.ready ? 1 : 0);
  PutNumber(out, beat.leaving ? 1 : 0);
  PutNumber(out, beat.topics.size());
  for (const BeatTopic& topic : beat.topics) {
    PutText(out, topic.name);
    PutNumber(out, static_cast<uint64_t>(topic.partitions));
    PutNumber(out, topic.declined.size());
    for (const int32_t partition : topic.declined) PutNumber(out, static_cast<uint64_t>(partition));
  }
  PutNumber(out, beat.hands.size());
  for (const BeatHand& hand : beat.hands) {
    PutText(out, hand.topic);
    PutNumber(out, static_cast<uint64_t>(hand.partition));
    PutNumber(out, hand.unsettled);
  }
  return out;
}

std::optional<Beat> DecodeBeat(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  Reader reader(bytes.substr(kMagic.size()));
  Beat beat;
  uint64_t topics = 0;
  if (!reader.Text(&beat.name) || beat.name.empty() || !reader.Number(UINT64_MAX, &beat.incarnation) ||
      !reader.Number(UINT64_MAX, &beat.number) || !reader.Int(&beat.capacity) || !reader.Flag(&beat.ready) ||
      !reader.Flag(&beat.leaving) || !reader.Number(kListMax, &topics)) {
    return std::nullopt;
  }
  for (uint64_t i = 0; i < topics; ++i) {
    if (!ReadTopic(reader, &beat.topics.emplace_back())) return std::nullopt;
  }
  uint64_t hands = 0;
  if (!reader.Number(kListMax, &hands)) return std::nullopt;
  for (uint64_t i = 0; i < hands; ++i) {
    BeatHand& hand = beat.hands.emplace_back();
    if (!reader.Text(&hand.topic) || !reader.Int(&hand.partition) || !reader.Number(UINT64_MAX, &hand.unsettled)) {
      return std::nullopt;
    }
  }
  if (!reader.AtEnd()) return std::nullopt;
  return beat;
}

Presence::Presence(const PresenceOptions& options, Beat self, MonotonicTime now)
    : options_(options), self_(std::move(self)), started_(now), beat_at_(now), answered_at_(now) {}

void Presence::SetSelf(bool ready, std::vector<BeatTopic> topics) {
  if (self_.ready == ready && self_.topics == topics) return;
  self_.ready = ready;
  self_.topics = std::move(topics);
  beat_at_ = MonotonicTime{INT64_MIN};
  ++version_;
}

void Presence::Leave() {
  self_.leaving = true;
  self_.ready = false;
  beat_at_ = MonotonicTime{INT64_MIN};
  ++version_;
}

const Beat& Presence::NextBeat(MonotonicTime now) {
  ++self_.number;
  beat_at_ = now + options_.beat_interval;
  return self_;
}

void Presence::Heard(const Beat& beat, MonotonicTime now) {
  if (beat.name == self_.name) {
    if (beat.incarnation == self_.incarnation) return HeardSelf(now);
    // An older incarnation may be an echo of our past; a newer one is another process.
    if (beat.incarnation > self_.incarnation && !beat.leaving && !name_taken_) {
      name_taken_ = true;
      ++version_;
    }
    return;
  }
  const auto gone = departed_.find(beat.name);
  if (gone != departed_.end() && beat.incarnation <= gone->second) return;
  const auto it = members_.find(beat.name);
  if (it != members_.end()) {
    const Beat& known = it->second.beat;
    if (beat.incarnation < known.incarnation) return;
    if (beat.incarnation == known.incarnation && beat.number <= known.number) return;
  }
  if (beat.leaving) {
    departed_[beat.name] = beat.incarnation;
    if (it != members_.end()) {
      members_.erase(it);
      ++version_;
    }
    return;
  }
  const bool is_new = it == members_.end() || it->second.beat.incarnation != beat.incarnation;
  const bool differs = is_new || it->second.beat.capacity != beat.capacity || it->second.beat.ready != beat.ready ||
                       it->second.beat.topics != beat.topics;
  members_[beat.name] = {beat, now};
  if (differs) ++version_;
  // Whoever is new should know of us at once; a crowd of newcomers gets one answer for a tenth of an interval.
  if (is_new) {
    beat_at_ = std::min(beat_at_, std::max(now, answered_at_));
    answered_at_ = now + options_.beat_interval / 10;
  }
}

void Presence::HeardSelf(MonotonicTime now) {
  if (!self_heard_at_.has_value()) {
    self_heard_at_ = now;
  } else if (now - *self_heard_at_ > options_.beat_timeout / 2) {
    // We were deaf: nobody's silence counts from before.
    for (auto& [name, member] : members_) member.heard_at = std::max(member.heard_at, now);
  }
  self_heard_at_ = now;
  const size_t erased =
      std::erase_if(members_, [&](const auto& entry) { return now - entry.second.heard_at > options_.beat_timeout; });
  if (erased > 0) ++version_;
}

MonotonicTime Presence::SettledAt(MonotonicTime now) const {
  if (Settled(now)) return MonotonicTime::Infinite();
  return started_ + (self_heard_at_.has_value() ? options_.join_delay : options_.beat_timeout);
}

bool Presence::Settled(MonotonicTime now) const {
  if (now - started_ >= options_.beat_timeout) return true;
  return self_heard_at_.has_value() && now - started_ >= options_.join_delay;
}

bool Presence::Deaf(MonotonicTime now) const {
  return now - self_heard_at_.value_or(started_) > options_.beat_timeout / 2;
}

std::vector<const Beat*> Presence::Live() const {
  std::vector<const Beat*> live;
  live.reserve(members_.size() + 1);
  bool self_listed = self_.leaving;
  for (const auto& [name, member] : members_) {
    if (!self_listed && self_.name < name) {
      live.push_back(&self_);
      self_listed = true;
    }
    live.push_back(&member.beat);
  }
  if (!self_listed) live.push_back(&self_);
  return live;
}

}  // namespace millrace::bus
