// The CloudEvents 1.0 envelope, in headers, spelled as in the Kafka protocol binding's binary mode (`ce_` + attribute;
// datacontenttype is the header `content-type`). AMQP 0-9-1 has no binding: there the same spelling is used, as
// documented in docs/reference/envelope.md.
//
// Beyond the specification, and our own: `mr_root` (the accepted job that this message descends from), `mr_share`
// (which part of that job it is, see stages/lineage.h), `mr_digest` (digest of type, key and body of a derived
// message), and W3C `traceparent`.
//
// Threading: values. Ownership: views into the headers they were read from.
#ifndef MILLRACE_BUS_ENVELOPE_H_
#define MILLRACE_BUS_ENVELOPE_H_

#include <cstddef>
#include <string_view>

#include "bus/message.h"

namespace millrace::bus {

inline constexpr std::string_view kHeaderSpecVersion = "ce_specversion";
inline constexpr std::string_view kHeaderId = "ce_id";
inline constexpr std::string_view kHeaderSource = "ce_source";
inline constexpr std::string_view kHeaderType = "ce_type";
inline constexpr std::string_view kHeaderSubject = "ce_subject";
inline constexpr std::string_view kHeaderTime = "ce_time";
inline constexpr std::string_view kHeaderContentType = "content-type";
inline constexpr std::string_view kHeaderTraceParent = "traceparent";
inline constexpr std::string_view kHeaderRoot = "mr_root";
inline constexpr std::string_view kHeaderShare = "mr_share";
inline constexpr std::string_view kHeaderDigest = "mr_digest";
inline constexpr std::string_view kHeaderRedriven = "mr_redriven";

// Empty views: absent.
struct Envelope {
  std::string_view specversion = {};
  std::string_view id = {};
  std::string_view source = {};
  std::string_view type = {};
  std::string_view subject = {};
  std::string_view time = {};  // RFC 3339
  std::string_view content_type = {};
  std::string_view traceparent = {};
  std::string_view root = {};
  std::string_view share = {};
  std::string_view digest = {};
  std::string_view redriven = {};
};

// Reads what is there in one pass; of duplicates the first counts. Never fails: foreign messages have what they have.
Envelope ReadEnvelope(Headers headers);

// Appends the non-empty attributes, specversion "1.0" where it is empty.
void WriteEnvelope(const Envelope& envelope, HeaderBuilder& headers);
// The same for callers with memory of their own: how many bytes that takes, and written at `at`, of which the end is
// returned.
size_t EnvelopeBytes(const Envelope& envelope);
char* WriteEnvelope(const Envelope& envelope, char* at);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_ENVELOPE_H_
