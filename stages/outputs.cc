#include "stages/outputs.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "bus/partition.h"
#include "stages/lineage.h"
#include "stages/receipts.h"

namespace millrace::stages {

char* OutputArena::Take(size_t bytes) {
  if (current_) {
    if (char* at = current_->Append(bytes); at != nullptr) return at;
    full_.push_back(std::move(current_));
  }
  current_ = pool_->Take(bytes);
  return current_->Append(bytes);
}

void OutputArena::TakeSegments(std::vector<bus::SegmentRef>* out) {
  for (bus::SegmentRef& segment : full_) out->push_back(std::move(segment));
  full_.clear();
  if (current_) out->push_back(current_);
}

void Outputs::Begin(const bus::Message& input, const bus::Envelope& envelope, std::string_view id) {
  input_ = &input;
  envelope_ = &envelope;
  id_ = id;
  drafts_.clear();
  drop_reason_.clear();
}

std::string_view Outputs::Keep(std::string_view bytes) {
  if (bytes.empty()) return {};
  char* at = arena_.Take(bytes.size());
  std::memcpy(at, bytes.data(), bytes.size());
  return {at, bytes.size()};
}

absl::Status Outputs::Emit(const Emission& emission) {
  size_t output = 0;
  if (emission.to.empty()) {
    if (settings_.outputs.empty())
      return absl::NotFoundError("stage " + settings_.stage + " emits, but the pipeline gives it no output");
  } else {
    while (output < settings_.outputs.size() && settings_.outputs[output].name != emission.to) ++output;
    if (output == settings_.outputs.size()) {
      return absl::NotFoundError("stage " + settings_.stage + " emits to '" + std::string(emission.to) +
                                 "', but the pipeline gives it no output of that name");
    }
  }
  if (drafts_.size() == settings_.outputs_max) {
    return absl::InvalidArgumentError("stage " + settings_.stage + " emits more than " +
                                      std::to_string(settings_.outputs_max) + " messages from one input");
  }
  if (!emission.name.empty()) {
    for (const Draft& draft : drafts_) {
      if (draft.name == emission.name) {
        return absl::AlreadyExistsError("stage " + settings_.stage + " emits '" + std::string(emission.name) +
                                        "' twice from one input");
      }
    }
  }
  const size_t size = emission.body.value_or("").size();
  if (size > settings_.message_bytes_max) {
    return absl::InvalidArgumentError("an output of " + std::to_string(size) + " bytes is over the limit of " +
                                      std::to_string(settings_.message_bytes_max));
  }
  const std::string_view extra_headers = emission.headers.block();
  const size_t bytes = size + emission.key.value_or("").size() + extra_headers.size() + emission.type.size() +
                       emission.content_type.size() + emission.subject.size() + emission.name.size();
  // Asked for once: this is done for every message.
  char* at = bytes > 0 ? arena_.Take(bytes) : nullptr;
  const auto keep = [&at](std::string_view from) -> std::string_view {
    if (from.empty()) return {};
    char* const to = at;
    std::memcpy(to, from.data(), from.size());
    at += from.size();
    return {to, from.size()};
  };
  Draft& draft = drafts_.emplace_back();
  draft.output = output;
  // The input's own key needs no copy before Finish, which makes one of everything the message keeps.
  draft.key = input_->key;
  if (emission.key.has_value()) draft.key = keep(*emission.key);
  if (emission.body.has_value()) draft.body = keep(*emission.body);
  draft.type = keep(emission.type);
  draft.content_type = keep(emission.content_type);
  draft.subject = keep(emission.subject);
  draft.extra_headers = keep(extra_headers);
  draft.name = keep(emission.name);
  return absl::OkStatus();
}

Emission Outputs::Emitted(size_t index) const {
  const Draft& draft = drafts_[index];
  return {.to = Resolve(draft.output)->name,
          .key = draft.key,
          .body = draft.body,
          .type = draft.type,
          .content_type = draft.content_type,
          .subject = draft.subject,
          .headers = bus::Headers(draft.extra_headers),
          .name = draft.name};
}

bus::Digest128 Outputs::DerivedId(std::string_view name, size_t index) {
  char number[24] = "#";
  if (name.empty()) {
    const char* end = std::to_chars(number + 1, number + sizeof(number), index).ptr;
    name = {number, static_cast<size_t>(end - number)};
  }
  const std::string_view source = envelope_->source, stage = settings_.stage;
  scratch_.resize(source.size() + id_.size() + stage.size() + name.size() + 3);
  char* at = scratch_.data();
  const auto put = [&at](std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  for (std::string_view part : {source, id_, stage}) {
    put(part);
    *at++ = '\0';
  }
  put(name);
  return bus::DigestOf(scratch_);
}

const OutputSpec* Outputs::Resolve(size_t output) const {
  return output == kReceipt ? &*settings_.receipts : &settings_.outputs[output];
}

EncodedOutput Outputs::Encode(const Draft& draft, size_t index, std::string_view share) {
  const OutputSpec& spec = *Resolve(draft.output);
  const bus::Digest128 derived = DerivedId(draft.name, index);
  char id[32], digest[16];
  bus::WriteHex(derived, id);
  const uint64_t content =
      bus::Digest64(draft.body.value_or(std::string_view("\1", 1)),
                    bus::Digest64(draft.type, bus::Digest64(draft.key.value_or(std::string_view("\1", 1)))));
  bus::WriteHex(content, digest);

  const bus::Envelope envelope{.specversion = "1.0",
                               .id = {id, sizeof(id)},
                               .source = settings_.source,
                               .type = draft.type,
                               .subject = draft.subject,
                               .content_type = draft.content_type,
                               .traceparent = envelope_->traceparent,
                               .root = envelope_->root.empty() ? id_ : envelope_->root,
                               .share = share,
                               .digest = {digest, sizeof(digest)}};
  // Views of emitted keys lie in the arena already; the input's key is copied, since the output may outlive the input.
  const bool copy_key = draft.key.has_value() && input_->key.has_value() && draft.key->data() == input_->key->data();
  const size_t bytes = bus::EnvelopeBytes(envelope) + draft.extra_headers.size();
  char* const headers = arena_.Take(bytes + (copy_key ? draft.key->size() : 0));
  char* const end =
      std::copy_n(draft.extra_headers.data(), draft.extra_headers.size(), bus::WriteEnvelope(envelope, headers));

  EncodedOutput out{.topic = spec.topic, .partition = 0, .message = {}};
  out.partition = draft.key.has_value() ? bus::PartitionOfKey(*draft.key, spec.partitions)
                                        : static_cast<int32_t>(derived.low % static_cast<uint64_t>(spec.partitions));
  out.message.headers = bus::Headers({headers, bytes});
  out.message.key = draft.key;
  if (copy_key) {
    std::copy_n(draft.key->data(), draft.key->size(), end);
    out.message.key = std::string_view(end, draft.key->size());
  }
  out.message.body = draft.body;
  out.message.timestamp_ms = input_->timestamp_ms;
  return out;
}

absl::Status Outputs::Finish(std::vector<EncodedOutput>* out) {
  out->clear();
  if (drafts_.empty() && settings_.receipts.has_value()) {
    drafts_.push_back({.output = kReceipt,
                       .key = input_->key,
                       .body = Keep(drop_reason_.empty() ? "done" : std::string_view(drop_reason_)),
                       .type = kReceiptType,
                       .content_type = "text/plain",
                       .subject = Keep(id_),
                       .extra_headers = {},
                       .name = "receipt"});
  }
  for (size_t i = 0; i < drafts_.size(); ++i) {
    if (drafts_.size() == 1) {
      out->push_back(Encode(drafts_[i], i, envelope_->share));
    } else {
      out->push_back(Encode(drafts_[i], i, ChildShare(envelope_->share, i, drafts_.size())));
    }
    if (out->back().message.Bytes() > settings_.message_bytes_max) {
      const size_t size = out->back().message.Bytes();
      out->clear();
      return absl::InvalidArgumentError("an output of " + std::to_string(size) +
                                        " bytes with its headers is over the limit of " +
                                        std::to_string(settings_.message_bytes_max));
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace::stages
