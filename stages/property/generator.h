// A seeded source of RESO Web API pages: listings in US and Canadian cities, later versions of earlier ones, and what
// real feeds do to their readers: repeats, late arrivals, broken records, pages that were cut. The same options give
// the same bytes on every machine, each record by itself: record i is a function of (seed, i), so that any page can be
// made without those before it, and what must come of a run can be counted beforehand.
//
//   Generator generator({.seed = 7, .count = 20'000});
//   generator.WritePage(0, &text);     // {"@odata.context": …, "value": [ … ], "@odata.nextLink": "page-2.json"}
//   generator.Count().broken()         // how many dead letters to expect
//
// Threading: const methods from any thread. Cost: WritePage about 2 µs a record.
#ifndef MILLRACE_STAGES_PROPERTY_GENERATOR_H_
#define MILLRACE_STAGES_PROPERTY_GENERATOR_H_

#include <cstdint>
#include <string>

#include "bus/random.h"

namespace millrace::property {

struct GeneratorOptions {
  uint64_t seed = 1;
  uint64_t count = 0;
  uint64_t page_size = 100;  // records of a page; at least 1
};

enum class GeneratedKind : uint8_t {
  kNew,              // a listing not seen before
  kUpdate,           // of an earlier listing, with a later ModificationTimestamp
  kLate,             // of an earlier listing, with an older ModificationTimestamp than it had
  kRepeat,           // of an earlier record, byte for byte
  kWrongType,        // broken: a price in words, bedrooms in a list
  kUnknownProvince,  // broken: no such state or province
  kBadPostalCode,    // broken: a postal code that can't be one
  kBadUtf8,          // broken: bytes that are no UTF-8
  kOverflow,         // broken: a number beyond any field
  kTruncated,        // broken: the page ends in the middle of it
};

struct GeneratorCounts {
  uint64_t records = 0;
  uint64_t listings = 0;  // kNew: how many different listings there are, by ListingKey
  uint64_t updates = 0;
  uint64_t late = 0;
  uint64_t repeats = 0;
  uint64_t wrong_type = 0, unknown_province = 0, bad_postal_code = 0, bad_utf8 = 0, overflow = 0, truncated = 0;
  uint64_t unknown_fields = 0;  // sound records, repeats left out, that carry fields beyond the Data Dictionary

  uint64_t broken() const { return wrong_type + unknown_province + bad_postal_code + bad_utf8 + overflow + truncated; }
  // Different contents among the sound records: what a store must hold, current and history together.
  uint64_t versions() const { return listings + updates + late; }
};

class Generator {
 public:
  explicit Generator(const GeneratorOptions& options) : options_(options), random_(options.seed) {}

  uint64_t pages() const { return (options_.count + options_.page_size - 1) / options_.page_size; }
  // Replaces `out`. page < pages().
  void WritePage(uint64_t page, std::string* out) const;
  static std::string PageName(uint64_t page);

  // Appends record i as JSON; of kTruncated its beginning.
  void WriteRecord(uint64_t i, std::string* out) const;
  GeneratedKind KindOf(uint64_t i) const;
  // The record (of kind kNew) whose listing record i is about; i itself for a new or broken one.
  uint64_t ListingOf(uint64_t i) const;
  GeneratorCounts Count() const;

 private:
  bool EndsCutPage(uint64_t i) const;
  uint64_t Earlier(uint64_t i) const;
  bool HasUnknownFields(uint64_t i) const;
  int64_t ModifiedMs(uint64_t i) const;

  const GeneratorOptions options_;
  const Random random_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_GENERATOR_H_
