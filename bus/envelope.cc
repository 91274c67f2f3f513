#include "bus/envelope.h"

namespace millrace::bus {
namespace {

// The field for a header name, or nullptr. Switching on the length first keeps reading an envelope to one comparison
// per header.
std::string_view Envelope::*FieldOf(std::string_view name) {
  const auto is = [name](std::string_view other, std::string_view Envelope::*field) {
    return name == other ? field : nullptr;
  };
  switch (name.size()) {
    case kHeaderId.size():
      return is(kHeaderId, &Envelope::id);
    case kHeaderType.size():  // also ce_time, mr_root
      if (name == kHeaderType) return &Envelope::type;
      if (name == kHeaderTime) return &Envelope::time;
      return is(kHeaderRoot, &Envelope::root);
    case kHeaderShare.size():
      return is(kHeaderShare, &Envelope::share);
    case kHeaderSource.size():  // also mr_digest
      if (name == kHeaderSource) return &Envelope::source;
      return is(kHeaderDigest, &Envelope::digest);
    case kHeaderSubject.size():
      return is(kHeaderSubject, &Envelope::subject);
    case kHeaderTraceParent.size():  // also mr_redriven
      if (name == kHeaderTraceParent) return &Envelope::traceparent;
      return is(kHeaderRedriven, &Envelope::redriven);
    case kHeaderContentType.size():
      return is(kHeaderContentType, &Envelope::content_type);
    case kHeaderSpecVersion.size():
      return is(kHeaderSpecVersion, &Envelope::specversion);
    default:
      return nullptr;
  }
}

// Calls `field(name, value)` for each field, in the order in which they are written.
template <class Field>
void ForEachWritten(const Envelope& envelope, const Field& field) {
  field(kHeaderSpecVersion, envelope.specversion.empty() ? std::string_view("1.0") : envelope.specversion);
  field(kHeaderId, envelope.id);
  field(kHeaderSource, envelope.source);
  field(kHeaderType, envelope.type);
  field(kHeaderSubject, envelope.subject);
  field(kHeaderTime, envelope.time);
  field(kHeaderContentType, envelope.content_type);
  field(kHeaderTraceParent, envelope.traceparent);
  field(kHeaderRoot, envelope.root);
  field(kHeaderShare, envelope.share);
  field(kHeaderDigest, envelope.digest);
  field(kHeaderRedriven, envelope.redriven);
}

static_assert(kHeaderType.size() == kHeaderTime.size() && kHeaderTime.size() == kHeaderRoot.size());
static_assert(kHeaderSource.size() == kHeaderDigest.size() && kHeaderTraceParent.size() == kHeaderRedriven.size());

}  // namespace

Envelope ReadEnvelope(Headers headers) {
  Envelope envelope;
  for (Header h : headers) {
    std::string_view Envelope::*field = FieldOf(h.name);
    if (field != nullptr && h.value.has_value() && (envelope.*field).empty()) envelope.*field = *h.value;
  }
  return envelope;
}

size_t EnvelopeBytes(const Envelope& envelope) {
  size_t bytes = 0;
  ForEachWritten(envelope, [&bytes](std::string_view name, std::string_view value) {
    if (!value.empty()) bytes += HeaderBuilder::BytesOf(name, value);
  });
  return bytes;
}

char* WriteEnvelope(const Envelope& envelope, char* at) {
  ForEachWritten(envelope, [&at](std::string_view name, std::string_view value) {
    if (!value.empty()) at = HeaderBuilder::Write(name, value, at);
  });
  return at;
}

// Twice over the fields, so that memory is asked for once: this is done for every message that a stage emits.
void WriteEnvelope(const Envelope& envelope, HeaderBuilder& headers) {
  WriteEnvelope(envelope, headers.Extend(EnvelopeBytes(envelope)));
}

}  // namespace millrace::bus
