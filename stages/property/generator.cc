#include "stages/property/generator.h"

#include <algorithm>
#include <string_view>

#include "stages/property/feed_text.h"
#include "stages/property/generator_record.h"

namespace millrace::property {
namespace {

enum Purpose : uint64_t { kKind = 1, kFault, kTarget, kCutPage, kCutAt, kUnknown, kAge };

constexpr uint64_t kSoundFirst = 16;     // the first records are new listings, so that there is something to change
constexpr uint64_t kTargetsBack = 4096;  // how far back updates, late arrivals and repeats reach
constexpr uint64_t kPagesPerCut = 64;
constexpr int64_t kBeginMs = 1'704'067'200'000;  // 2024-01-01
constexpr int64_t kStepMs = 37'000;
constexpr int64_t kAgeMsMax = 30 * int64_t{86'400'000};

GeneratedFault FaultOf(GeneratedKind kind) {
  switch (kind) {
    case GeneratedKind::kWrongType:
      return GeneratedFault::kWrongType;
    case GeneratedKind::kUnknownProvince:
      return GeneratedFault::kUnknownProvince;
    case GeneratedKind::kBadPostalCode:
      return GeneratedFault::kBadPostalCode;
    case GeneratedKind::kBadUtf8:
      return GeneratedFault::kBadUtf8;
    case GeneratedKind::kOverflow:
      return GeneratedFault::kOverflow;
    default:
      return GeneratedFault::kNone;
  }
}

bool IsVersion(GeneratedKind kind) {
  return kind == GeneratedKind::kNew || kind == GeneratedKind::kUpdate || kind == GeneratedKind::kLate;
}

}  // namespace

bool Generator::EndsCutPage(uint64_t i) const {
  const bool last = (i + 1) % options_.page_size == 0 || i + 1 == options_.count;
  return last && i >= kSoundFirst && random_.Below(kCutPage, {i / options_.page_size}, kPagesPerCut) == 0;
}

GeneratedKind Generator::KindOf(uint64_t i) const {
  if (EndsCutPage(i)) return GeneratedKind::kTruncated;
  if (i < kSoundFirst) return GeneratedKind::kNew;
  const uint64_t draw = random_.Below(kKind, {i}, 1000);
  if (draw < 20) {
    constexpr GeneratedKind kFaults[] = {GeneratedKind::kWrongType, GeneratedKind::kUnknownProvince,
                                         GeneratedKind::kBadPostalCode, GeneratedKind::kBadUtf8,
                                         GeneratedKind::kOverflow};
    return kFaults[random_.Below(kFault, {i}, std::size(kFaults))];
  }
  if (draw < 60) return GeneratedKind::kRepeat;
  if (draw < 100) return GeneratedKind::kLate;
  if (draw < 200) return GeneratedKind::kUpdate;
  return GeneratedKind::kNew;
}

uint64_t Generator::Earlier(uint64_t i) const { return i - 1 - random_.Below(kTarget, {i}, std::min(i, kTargetsBack)); }

uint64_t Generator::ListingOf(uint64_t i) const {
  const GeneratedKind kind = KindOf(i);
  uint64_t at = i;
  if (kind == GeneratedKind::kRepeat) {
    at = Earlier(i);
    while (!IsVersion(KindOf(at))) --at;
    return ListingOf(at);
  }
  if (kind != GeneratedKind::kUpdate && kind != GeneratedKind::kLate) return i;
  at = Earlier(i);
  while (KindOf(at) != GeneratedKind::kNew) --at;
  return at;
}

int64_t Generator::ModifiedMs(uint64_t i) const {
  const int64_t now = kBeginMs + static_cast<int64_t>(i) * kStepMs;
  if (KindOf(i) != GeneratedKind::kLate) return now;
  const int64_t first = kBeginMs + static_cast<int64_t>(ListingOf(i)) * kStepMs;
  return first - 1000 - static_cast<int64_t>(random_.Below(kAge, {i}, static_cast<uint64_t>(kAgeMsMax)));
}

bool Generator::HasUnknownFields(uint64_t i) const { return random_.Below(kUnknown, {i}, 10) == 0; }

void Generator::WriteRecord(uint64_t i, std::string* out) const {
  const GeneratedKind kind = KindOf(i);
  if (kind == GeneratedKind::kRepeat) {
    uint64_t at = Earlier(i);
    while (!IsVersion(KindOf(at))) --at;
    return WriteRecord(at, out);
  }
  const size_t begin = out->size();
  const uint64_t listing = ListingOf(i);
  WriteGeneratedRecord(random_,
                       {.seed = options_.seed,
                        .listing = listing,
                        .version = i,
                        .listed_ms = kBeginMs + static_cast<int64_t>(listing) * kStepMs - kAgeMsMax,
                        .modified_ms = ModifiedMs(i),
                        .unknown_fields = HasUnknownFields(i),
                        .fault = FaultOf(kind)},
                       out);
  if (kind == GeneratedKind::kTruncated) {
    const size_t size = out->size() - begin;
    out->resize(begin + 1 + random_.Below(kCutAt, {i}, size - 1));
  }
}

std::string Generator::PageName(uint64_t page) {
  std::string name = "page-";
  AppendNumber(page + 1, &name);
  return name + ".json";
}

void Generator::WritePage(uint64_t page, std::string* out) const {
  *out = "{\"@odata.context\":\"https://api.example/odata/$metadata#Property\",\"value\":[\n";
  const uint64_t first = page * options_.page_size, end = std::min(first + options_.page_size, options_.count);
  for (uint64_t i = first; i < end; ++i) {
    if (i > first) *out += ",\n";
    WriteRecord(i, out);
    if (KindOf(i) == GeneratedKind::kTruncated) return;
  }
  *out += "\n]";
  if (page + 1 < pages()) *out += ",\"@odata.nextLink\":\"" + PageName(page + 1) + "\"";
  *out += "}\n";
}

GeneratorCounts Generator::Count() const {
  GeneratorCounts counts;
  uint64_t* const of_kind[] = {
      &counts.listings,         &counts.updates,         &counts.late,     &counts.repeats,  &counts.wrong_type,
      &counts.unknown_province, &counts.bad_postal_code, &counts.bad_utf8, &counts.overflow, &counts.truncated};
  for (uint64_t i = 0; i < options_.count; ++i) {
    const GeneratedKind kind = KindOf(i);
    ++counts.records;
    ++*of_kind[static_cast<size_t>(kind)];
    if (IsVersion(kind) && HasUnknownFields(i)) ++counts.unknown_fields;
  }
  return counts;
}

}  // namespace millrace::property
