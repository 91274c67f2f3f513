// Takes a street line apart and gives its parts their standard form, after USPS Publication 28 or Canada Post.
//
//   StreetParser parser(AddressCountry::kCanada);
//   StandardAddress address;
//   parser.Parse("1868 W 5th Avenue #409", &address);
//   address.delivery_line() == "409-1868 W 5TH AVE"
//
// Never fails: what is not understood keeps its words (kind OTHER). Parsing a delivery line gives that delivery line
// again.
//
// How it reads: a box or a rural route by its first words; else from outside in: unit at the end or before the number,
// house number, directions at both ends, a street type at one of them. What is left is the name, so a word that could
// be both (WEST ST, AVENUE RD, ST GEORGE ST) is a name where nothing else would be left. Names are never abbreviated.
//
// Threading: one object, one thread; it keeps a buffer.
#ifndef MILLRACE_STAGES_PROPERTY_STREET_PARSER_H_
#define MILLRACE_STAGES_PROPERTY_STREET_PARSER_H_

#include <string>
#include <string_view>

#include "stages/property/address_text.h"
#include "stages/property/address_words.h"
#include "stages/property/listing.pb.h"

namespace millrace::property {

class StreetParser {
 public:
  explicit StreetParser(AddressCountry country) : words_(country), canada_(country == AddressCountry::kCanada) {}
  StreetParser(const StreetParser&) = delete;
  StreetParser& operator=(const StreetParser&) = delete;

  // Sets kind, delivery_line and the parts of the street in `out`, which are unset before.
  void Parse(std::string_view line, StandardAddress* out);

  const AddressWords& words() const { return words_; }

 private:
  // The words [first, end) that are not yet taken.
  struct Range {
    size_t first;
    size_t end;
    size_t size() const { return end - first; }
  };

  void ParseOnce(std::string_view line, StandardAddress* out);
  void SetOther(StandardAddress* out) const;
  bool ParseBox(StandardAddress* out);
  bool ParseRoute(StandardAddress* out);
  void ParseStreet(StandardAddress* out);
  void TakeUnitInFront(Range& range, StandardAddress* out);
  void TakeNumber(Range& range, StandardAddress* out);
  void TakeUnitBehind(Range& range, StandardAddress* out);
  void TakeBareUnit(Range& range, StandardAddress* out);
  bool TakeHighway(const Range& range, StandardAddress* out);
  void TakeDirectionBehind(Range& range, StandardAddress* out);
  void TakeDirectionInFront(Range& range, StandardAddress* out);
  void TakeType(Range& range, StandardAddress* out);
  // The kinds of names that swallow their type: "AVENUE C", "THE CRESCENT".
  bool IsNameWithType(const Range& range) const;
  bool IsDirection(size_t at, bool french) const;
  // Whether a single type is all that is there.
  bool IsOnlyType(const Range& range) const;
  bool HasTypeBefore(const Range& range) const;
  // Whether French rules hold: a type before the name, or behind an ordinal ("8E RUE").
  bool IsFrench(const Range& range) const;
  // Whether the word may follow a designator: "5", "12B", "A".
  bool IsUnitNumber(size_t at) const;
  void SetUnit(std::string_view designator, const Range& number, StandardAddress* out);
  std::string Join(const Range& range) const;

  std::string_view Word(size_t at) const { return tokens_.words[at]; }
  const AddressWord* Meaning(size_t at) const { return meanings_[at]; }

  const AddressWords words_;
  const bool canada_;
  std::string clean_;
  StandardAddress again_;
  AddressTokens tokens_;
  std::array<const AddressWord*, AddressTokens::kMax> meanings_{};
};

// Puts the parts together in the order of the country's post office.
void ComposeDeliveryLine(bool canada, StandardAddress* address);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_STREET_PARSER_H_
