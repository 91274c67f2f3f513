// The fields of the RESO Data Dictionary 2.0 that have a place of their own in Listing: name, type and size of each, in
// one table that parse and validate share.
//
// Threading: constant data and pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_FIELDS_H_
#define MILLRACE_STAGES_PROPERTY_FIELDS_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "stages/property/listing.pb.h"

namespace millrace::property {

enum class FieldKind : uint8_t {
  kText,
  kMoney,      // N<digits>.<decimals>
  kAreaValue,  // likewise
  kInteger,
  kDay,
  kInstant,
  kDegrees,  // likewise
};

struct Field {
  std::string_view name;
  FieldKind kind = FieldKind::kText;
  // Characters of a text.
  int length_max = 0;
  // Of a number: all digits, and those behind the point.
  int digits = 0;
  int decimals = 0;
  // Where it lies in Listing; one of them, by kind. Days are texts.
  std::string* (Listing::*text)() = nullptr;
  const std::string& (Listing::*text_value)() const = nullptr;
  Money* (Listing::*money)() = nullptr;
  std::string* (*area_units)(Listing&) = nullptr;  // of a text that is the unit of an area
  Area* (Listing::*area)() = nullptr;
  void (Listing::*integer)(int32_t) = nullptr;
  void (Listing::*instant)(int64_t) = nullptr;
  void (Listing::*degrees)(int64_t) = nullptr;
};

// All of them, in a fixed order.
std::span<const Field> AllFields();

// Sets `field` from text: a number as JSON writes it, or characters. Empty text leaves it unset. Money gets no currency
// here. `name` is what errors call it. Errors: InvalidArgument "<name>: <what was expected>; found …". More decimals of
// a degree than the dictionary has are dropped, and reported in a finding.
absl::Status SetField(const Field& field, std::string_view name, std::string_view text, Listing& listing);
inline absl::Status SetField(const Field& field, std::string_view text, Listing& listing) {
  return SetField(field, field.name, text, listing);
}

// Finds fields by name. Build it once: it is a table of some kilobytes.
class FieldIndex {
 public:
  FieldIndex();
  // nullptr where the dictionary, or this program, has no such field.
  const Field* Find(std::string_view name) const {
    for (size_t slot = Hash(name);; ++slot) {
      const Field* field = slots_[slot % kSlots];
      if (field == nullptr || field->name == name) return field;
    }
  }
  // For programs that name the field themselves: it must be there.
  const Field& Get(std::string_view name) const;
  // Position in AllFields().
  static size_t IndexOf(const Field& field) { return &field - AllFields().data(); }

 private:
  static constexpr size_t kSlots = 256;  // a power of two, several times the number of fields
  static size_t Hash(std::string_view name) {
    if (name.empty()) return 0;
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(name[i])); };
    return name.size() * 7 + byte(0) * 31 + byte(name.size() / 2) * 17 + byte(name.size() - 1) * 5;
  }
  std::array<const Field*, kSlots> slots_{};
};

// Adds a finding: something odd about a record that is kept.
void AddFinding(Listing& listing, std::string_view field, std::string_view code, std::string_view message);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FIELDS_H_
