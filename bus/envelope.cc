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

void WriteEnvelope(const Envelope& envelope, HeaderBuilder& headers) {
  const auto add = [&headers](std::string_view name, std::string_view value) {
    if (!value.empty()) headers.Add(name, value);
  };
  headers.Add(kHeaderSpecVersion, envelope.specversion.empty() ? "1.0" : envelope.specversion);
  add(kHeaderId, envelope.id);
  add(kHeaderSource, envelope.source);
  add(kHeaderType, envelope.type);
  add(kHeaderSubject, envelope.subject);
  add(kHeaderTime, envelope.time);
  add(kHeaderContentType, envelope.content_type);
  add(kHeaderTraceParent, envelope.traceparent);
  add(kHeaderRoot, envelope.root);
  add(kHeaderShare, envelope.share);
  add(kHeaderDigest, envelope.digest);
  add(kHeaderRedriven, envelope.redriven);
}

}  // namespace millrace::bus
