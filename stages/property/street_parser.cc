#include "stages/property/street_parser.h"

#include <algorithm>

namespace millrace::property {
namespace {

constexpr size_t kUnitLettersMax = 6;  // of a unit before a hyphen: "PH1-1234 MAIN ST"

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool IsAlphanumeric(std::string_view word) {
  for (char c : word) {
    if (!IsDigitChar(c) && !(c >= 'A' && c <= 'Z')) return false;
  }
  return !word.empty();
}

bool HasDigit(std::string_view word) { return std::any_of(word.begin(), word.end(), IsDigitChar); }

bool IsFraction(std::string_view word) {
  const size_t slash = word.find('/');
  return slash != std::string_view::npos && IsAllDigits(word.substr(0, slash)) && IsAllDigits(word.substr(slash + 1));
}

// What may stand before the hyphen in Canada's "101-1234 MAIN ST".
bool IsUnitBeforeHyphen(std::string_view word) {
  return word.size() <= kUnitLettersMax && IsAlphanumeric(word) && (HasDigit(word) || word.size() == 1 || word == "PH");
}

// Splits "101-1234"; false when it is no unit and house number.
bool SplitUnitAndNumber(std::string_view word, std::string_view* unit, std::string_view* number) {
  const size_t hyphen = word.find('-');
  if (hyphen == std::string_view::npos) return false;
  *unit = word.substr(0, hyphen);
  *number = word.substr(hyphen + 1);
  return IsUnitBeforeHyphen(*unit) && IsAlphanumeric(*number) && IsHouseNumber(*number, true);
}

// Designators that Canada's form with a hyphen makes superfluous.
bool GoesBeforeNumber(std::string_view designator) {
  return designator.empty() || IsOneOf(designator, {"#", "APT", "UNIT", "SUITE", "APP", "BUREAU", "UNITE"});
}

// Types behind which a lone number is a unit: unlike "COUNTY RD 5", "HWY 7", "LINE 8".
bool IsTypeBeforeBareUnit(std::string_view type) {
  return IsOneOf(type, {"ST", "AVE", "BLVD", "DR", "CT", "CRT", "PL", "LN", "LANE", "CRES", "CIR", "TER", "TERR"});
}

bool IsArticle(std::string_view word) {
  return IsOneOf(word, {"DE", "DU", "DES", "LA", "LE", "LES"}) || word.rfind("L'", 0) == 0 || word.rfind("D'", 0) == 0;
}

// "8EME" and "8IEME" are "8E"; "1ERE" and "1IERE" are "1RE".
std::string FrenchOrdinal(std::string_view word) {
  size_t digits = 0;
  while (IsDigitChar(word[digits])) ++digits;
  const std::string_view ending = word.substr(digits);
  std::string ordinal(word.substr(0, digits));
  if (ending == "EME" || ending == "IEME") return ordinal + "E";
  if (ending == "ERE" || ending == "IERE") return ordinal + "RE";
  return std::string(word);
}

bool HasFrenchEnding(std::string_view ordinal) {
  return ordinal.back() == 'E' || ordinal.substr(ordinal.size() - 2) == "ER";
}

void AppendWord(std::string_view word, std::string* line) {
  if (word.empty()) return;
  if (!line->empty()) *line += ' ';
  line->append(word);
}

}  // namespace

void ComposeDeliveryLine(bool canada, StandardAddress* address) {
  std::string& line = *address->mutable_delivery_line();
  line.clear();
  const std::string& unit = address->unit_number();
  const bool in_front = canada && GoesBeforeNumber(address->unit_designator()) && IsUnitBeforeHyphen(unit) &&
                        IsHouseNumber(address->street_number(), true) &&
                        address->street_number().find('-') == std::string::npos;
  if (in_front) {
    line.append(unit);
    line += '-';
    line.append(address->street_number());
  } else {
    line.append(address->street_number());
  }
  AppendWord(address->dir_prefix(), &line);
  AppendWord(address->type_prefix(), &line);
  AppendWord(address->street_name(), &line);
  AppendWord(address->type_suffix(), &line);
  AppendWord(address->dir_suffix(), &line);
  if (in_front) return;
  AppendWord(address->unit_designator().empty() && !unit.empty() ? "#" : std::string_view(address->unit_designator()),
             &line);
  AppendWord(unit, &line);
}

std::string StreetParser::Join(const Range& range) const {
  std::string joined;
  for (size_t i = range.first; i < range.end; ++i) AppendWord(Word(i), &joined);
  return joined;
}

bool StreetParser::IsDirection(size_t at, bool french) const {
  const AddressWord* meaning = Meaning(at);
  return meaning != nullptr && !meaning->direction.empty() && (french || !meaning->french_direction);
}

bool StreetParser::IsOnlyType(const Range& range) const {
  return range.size() == 1 && Meaning(range.first) != nullptr && !Meaning(range.first)->type_after.empty();
}

bool StreetParser::IsNameWithType(const Range& range) const {
  if (range.size() != 2) return false;
  const std::string_view first = Word(range.first), second = Word(range.first + 1);
  if (IsOneOf(first, {"AVENUE", "AVE"})) {
    return (second.size() == 1 && second[0] >= 'A' && second[0] <= 'Z') || IsAllDigits(second);
  }
  return first == "THE" && IsOnlyType({range.first + 1, range.end});
}

bool StreetParser::IsFrench(const Range& range) const {
  if (HasTypeBefore(range)) return true;
  return canada_ && range.size() >= 2 && IsOrdinal(Word(range.first), true) && HasFrenchEnding(Word(range.first)) &&
         Meaning(range.first + 1) != nullptr && !Meaning(range.first + 1)->type_before.empty();
}

bool StreetParser::IsUnitNumber(size_t at) const {
  return HasDigit(Word(at)) || (Word(at).size() <= 2 && Word(at) != "-" && !IsOnlyType({at, at + 1}));
}

bool StreetParser::HasTypeBefore(const Range& range) const {
  if (!canada_ || range.size() < 2 || Meaning(range.first) == nullptr) return false;
  const AddressWord& first = *Meaning(range.first);
  if (first.type_before.empty()) return false;
  return first.surely_before || IsArticle(Word(range.first + 1)) || !IsOnlyType({range.end - 1, range.end});
}

void StreetParser::SetUnit(std::string_view designator, const Range& number, StandardAddress* out) {
  out->mutable_unit_designator()->assign(designator);
  std::string& unit = *out->mutable_unit_number();
  unit.clear();
  for (size_t i = number.first; i < number.end; ++i) {
    // "BLDG 4 APARTMENT 12": designators inside are standard too.
    const AddressWord* meaning = Meaning(i);
    AppendWord(meaning != nullptr && !meaning->unit.empty() ? meaning->unit : Word(i), &unit);
  }
}

void StreetParser::Parse(std::string_view line, StandardAddress* out) {
  ParseOnce(line, out);
  if (out->kind() != StandardAddress::STREET || out->delivery_line() == clean_) return;
  // What is written differently must read back as itself, or two standard forms of one address could differ. Where
  // words are so ambiguous that it does not, they are left alone.
  again_.Clear();
  ParseOnce(out->delivery_line(), &again_);
  if (again_.delivery_line() == out->delivery_line()) return;
  clean_.clear();
  AppendClean(line, canada_, &clean_);
  SetOther(out);
}

void StreetParser::ParseOnce(std::string_view line, StandardAddress* out) {
  clean_.clear();
  AppendClean(line, canada_, &clean_);
  if (clean_.empty()) return;
  if (!SplitClean(clean_, &tokens_)) return SetOther(out);
  for (size_t i = 0; i < tokens_.count; ++i) meanings_[i] = words_.Find(Word(i));
  if (ParseBox(out) || ParseRoute(out)) return;
  ParseStreet(out);
}

void StreetParser::SetOther(StandardAddress* out) const {
  out->Clear();
  out->set_kind(StandardAddress::OTHER);
  out->mutable_delivery_line()->assign(clean_);
}

bool StreetParser::ParseBox(StandardAddress* out) {
  const auto word_is = [&](size_t at, std::string_view word) { return at < tokens_.count && Word(at) == word; };
  size_t number = 0;  // index of the box number
  bool french = false;
  if (word_is(0, "POBOX")) {
    number = 1;
  } else if (word_is(0, "PO") && word_is(1, "BOX")) {
    number = 2;
  } else if (word_is(0, "P") && word_is(1, "O") && word_is(2, "BOX")) {
    number = 3;
  } else if (word_is(0, "POST") && word_is(1, "OFFICE") && word_is(2, "BOX")) {
    number = 3;
  } else if (word_is(0, "BOX") && tokens_.count == 2) {
    number = 1;
  } else if (canada_ && (word_is(0, "CP") || (word_is(0, "C") && word_is(1, "P")) ||
                         (word_is(0, "CASE") && word_is(1, "POSTALE")))) {
    number = word_is(0, "CP") ? 1 : 2;
    french = true;
  }
  if (number != 0 && word_is(number, "#")) ++number;
  if (number == 0 || number >= tokens_.count || !HasDigit(Word(number))) return false;
  out->set_kind(StandardAddress::PO_BOX);
  std::string& line = *out->mutable_delivery_line();
  line.assign(french ? "CP" : "PO BOX");
  AppendWord(Join({number, tokens_.count}), &line);
  return true;
}

bool StreetParser::ParseRoute(StandardAddress* out) {
  const auto word_is = [&](size_t at, std::string_view word) { return at < tokens_.count && Word(at) == word; };
  std::string_view route = "RR";
  size_t number = 0;
  if (word_is(0, "RR") || word_is(0, "RFD")) {
    number = 1;
  } else if ((word_is(0, "R") && word_is(1, "R")) ||
             (word_is(0, "RURAL") && (word_is(1, "ROUTE") || word_is(1, "RTE") || word_is(1, "RT")))) {
    number = 2;
  } else if (word_is(0, "HC")) {
    route = "HC";
    number = 1;
  } else if (word_is(0, "HIGHWAY") && word_is(1, "CONTRACT")) {
    route = "HC";
    number = word_is(2, "ROUTE") ? 3 : 2;
  }
  if (number != 0 && word_is(number, "#")) ++number;
  std::string_view digits;
  if (number != 0 && number < tokens_.count) {
    digits = Word(number);
  } else if (tokens_.count > 0 && Word(0).substr(0, 2) == "RR" && Word(0).size() > 2) {
    digits = Word(0).substr(2);  // "RR2"
  }
  if (digits.empty() || !IsDigitChar(digits[0])) return false;
  out->set_kind(StandardAddress::RURAL_ROUTE);
  std::string& line = *out->mutable_delivery_line();
  line.assign(route);
  AppendWord(digits, &line);
  for (size_t i = number + 1; i < tokens_.count; ++i) {
    if (Word(i) != "#") AppendWord(Word(i), &line);
  }
  return true;
}

void StreetParser::ParseStreet(StandardAddress* out) {
  Range range{0, tokens_.count};
  while (range.size() > 0 && Word(range.first) == "-") ++range.first;
  TakeUnitInFront(range, out);
  TakeNumber(range, out);
  TakeUnitBehind(range, out);
  TakeBareUnit(range, out);
  if (!TakeHighway(range, out)) {
    TakeDirectionBehind(range, out);
    TakeDirectionInFront(range, out);
    TakeType(range, out);
  }
  const bool street = out->kind() == StandardAddress::STREET || !out->street_number().empty() ||
                      !out->type_suffix().empty() || !out->type_prefix().empty() || !out->dir_prefix().empty();
  const bool understood = street && !out->street_name().empty();
  if (!understood) return SetOther(out);
  out->set_kind(StandardAddress::STREET);
  ComposeDeliveryLine(canada_, out);
}

// "APT 5 123 MAIN ST", "# 5 - 123 MAIN ST", and in Canada "5 - 123 MAIN ST". What Canada writes as one word is
// TakeNumber's.
void StreetParser::TakeUnitInFront(Range& range, StandardAddress* out) {
  size_t at = range.first;
  std::string_view designator;
  if (at < range.end && Meaning(at) != nullptr && !Meaning(at)->unit.empty()) {
    designator = Meaning(at)->unit;
    ++at;
    if (at < range.end && Word(at) == "#") ++at;
  }
  const size_t unit = at++;
  const bool hyphen = at < range.end && Word(at) == "-";
  if (hyphen) ++at;
  if (at + 1 >= range.end) return;
  if (designator.empty() ? !(canada_ && hyphen && IsUnitBeforeHyphen(Word(unit))) : !IsUnitNumber(unit)) return;
  std::string_view left, right;
  if (!designator.empty() && !hyphen && SplitUnitAndNumber(Word(unit), &left, &right)) {
    // "UNIT 101-1234 MAIN ST"
    out->mutable_unit_designator()->assign(designator);
    tokens_.words[unit] = canada_ ? Word(unit) : right;
    if (!canada_) out->mutable_unit_number()->assign(left);
    range.first = unit;
    return;
  }
  if (!IsHouseNumber(Word(at), canada_)) return;
  SetUnit(designator, {unit, unit + 1}, out);
  range.first = at;
}

// The house number, with the words in front of it as a place's name: "SKYTRAIN STATION - 590 BEATTY ST".
void StreetParser::TakeNumber(Range& range, StandardAddress* out) {
  const auto begins_number = [&](size_t at) {
    std::string_view unit, number;
    return IsHouseNumber(Word(at), canada_) || (canada_ && SplitUnitAndNumber(Word(at), &unit, &number));
  };
  size_t at = range.first;
  if (range.size() >= 2 && !begins_number(at)) {
    for (++at; at + 1 < range.end; ++at) {
      if (!begins_number(at)) continue;
      const AddressWord* before = Meaning(at - 1);
      const bool separated = Word(at - 1) == "-";
      bool street_follows = false;
      for (size_t i = at + 1; i < range.end; ++i) street_follows |= Meaning(i) != nullptr && Meaning(i)->unit.empty();
      if (separated || (before == nullptr && street_follows && IsAllDigits(Word(at)))) break;
    }
    if (at + 1 >= range.end) return;
    Range place{range.first, at};
    while (place.size() > 0 && Word(place.end - 1) == "-") --place.end;
    out->mutable_place()->assign(Join(place));
    range.first = at;
  }
  if (range.size() < 2 || !begins_number(range.first)) return;
  std::string_view word = Word(range.first), unit, number;
  if (canada_ && out->unit_number().empty() && SplitUnitAndNumber(word, &unit, &number)) {
    out->mutable_unit_number()->assign(unit);
    word = number;
  }
  std::string& house = *out->mutable_street_number();
  house.assign(word);
  ++range.first;
  // "101 - 105 MAIN ST" is a range of numbers.
  if (range.size() >= 3 && Word(range.first) == "-" && IsAllDigits(Word(range.first + 1)) && IsAllDigits(word)) {
    house += '-';
    house.append(Word(range.first + 1));
    range.first += 2;
  }
  if (range.size() >= 2 && IsFraction(Word(range.first))) AppendWord(Word(range.first++), &house);
  while (range.size() >= 2 && Word(range.first) == "-") ++range.first;
}

// From the first designator that has a number, or may stand without, to the end.
void StreetParser::TakeUnitBehind(Range& range, StandardAddress* out) {
  if (range.size() < 2 || !out->unit_number().empty()) return;
  for (size_t at = range.first + 1; at < range.end; ++at) {
    const AddressWord* meaning = Meaning(at);
    if (meaning == nullptr || meaning->unit.empty()) continue;
    size_t number = at + 1;
    const bool is_sign = Word(at) == "#";
    while (number < range.end && Word(number) == "#") ++number;
    if (number == range.end) {
      const AddressWord* before = Meaning(at - 1);
      const bool after_street = before != nullptr && (!before->type_after.empty() || !before->direction.empty());
      if (!is_sign && !(meaning->unit_alone && after_street)) continue;
      if (!is_sign) SetUnit(meaning->unit, {number, number}, out);
      range.end = at;
      return;
    }
    const bool ends_as_street = IsOnlyType({range.end - 1, range.end});
    const bool fits = IsUnitNumber(number) && (HasDigit(Word(number)) || meaning->type_after.empty());
    if (!is_sign && (ends_as_street || !fits)) continue;
    SetUnit(meaning->unit, {number, range.end}, out);
    range.end = at;
    return;
  }
}

// "123 MAIN ST 409"
void StreetParser::TakeBareUnit(Range& range, StandardAddress* out) {
  if (range.size() < 3 || !out->unit_number().empty() || !out->unit_designator().empty()) return;
  const AddressWord* before = Meaning(range.end - 2);
  if (!IsAllDigits(Word(range.end - 1)) || before == nullptr || !IsTypeBeforeBareUnit(before->type_after)) return;
  if (IsDirection(range.end - 3, canada_) || HasTypeBefore(range)) return;
  SetUnit("#", {range.end - 1, range.end}, out);
  --range.end;
}

// "HIGHWAY 101", "COUNTY RD 5 N", "US HWY 41", "I-40": Publication 28 spells them out, Canada Post abbreviates the
// type.
bool StreetParser::TakeHighway(const Range& range, StandardAddress* out) {
  Range rest = range;
  std::string_view direction;
  if (rest.size() >= 3 && IsDirection(rest.first, false)) direction = Meaning(rest.first++)->direction;
  std::string name;
  const std::string_view first = Word(rest.first);
  if (!canada_ && first.size() > 2 && first.substr(0, 2) == "I-" && IsAllDigits(first.substr(2))) {
    name = "INTERSTATE " + std::string(first.substr(2));
    ++rest.first;
  } else {
    const auto spelled = [&](std::string_view word) -> std::string_view {
      if (IsOneOf(word, {"HIGHWAY", "HWY"})) return canada_ ? "HWY" : "HIGHWAY";
      if (IsOneOf(word, {"ROUTE", "RTE", "RT"})) return canada_ ? "RTE" : "ROUTE";
      if (IsOneOf(word, {"ROAD", "RD"})) return canada_ ? "RD" : "ROAD";
      return {};
    };
    const std::string_view second = rest.size() >= 3 ? Word(rest.first + 1) : std::string_view();
    if (rest.size() < 2) return false;
    if (!canada_ && IsOneOf(first, {"INTERSTATE", "I", "CR", "SR", "FM"})) {
      name = first == "CR" ? "COUNTY ROAD" : first == "SR" ? "STATE ROUTE" : first == "FM" ? "FM" : "INTERSTATE";
      ++rest.first;
    } else if (!spelled(first).empty() && !IsOneOf(first, {"ROAD", "RD"})) {
      name = spelled(first);
      ++rest.first;
    } else if (!spelled(second).empty() && IsOneOf(first, {"US", "STATE", "COUNTY", "CO", "PROVINCIAL", "REGIONAL",
                                                           "TOWNSHIP", "TWP", "RANGE", "RG", "FOREST"})) {
      name = first == "CO" ? "COUNTY" : first == "TWP" ? "TOWNSHIP" : first == "RG" ? "RANGE" : first;
      AppendWord(spelled(second), &name);
      rest.first += 2;
    } else {
      return false;
    }
    if (rest.size() == 0 || !IsHouseNumber(Word(rest.first), canada_)) return false;
    AppendWord(Word(rest.first++), &name);
  }
  if (rest.size() > 1 || (rest.size() == 1 && !IsDirection(rest.first, canada_))) return false;
  out->mutable_dir_prefix()->assign(direction);
  out->mutable_street_name()->assign(name);
  if (rest.size() == 1) out->mutable_dir_suffix()->assign(Meaning(rest.first)->direction);
  out->set_kind(StandardAddress::STREET);  // its type is in the name
  return true;
}

void StreetParser::TakeDirectionBehind(Range& range, StandardAddress* out) {
  const bool french = IsFrench(range);
  if (range.size() < (french ? 3u : 2u) || IsNameWithType(range) || !IsDirection(range.end - 1, french)) return;
  const auto follows_street = [&](size_t at) {
    return french ||
           (Meaning(at) != nullptr && (!Meaning(at)->type_after.empty() || !Meaning(at)->type_before.empty()));
  };
  const std::string_view last = Meaning(range.end - 1)->direction;
  if (range.size() >= (french ? 4u : 3u) && last.size() == 1 && IsDirection(range.end - 2, french) &&
      IsOneOf(Meaning(range.end - 2)->direction, {"N", "S"}) && IsOneOf(last, {"E", "W", "O"}) &&
      follows_street(range.end - 3) && !IsOnlyType({range.first, range.end - 2})) {
    std::string& direction = *out->mutable_dir_suffix();
    direction.assign(Meaning(range.end - 2)->direction);
    direction.append(last);
    range.end -= 2;
    return;
  }
  // Behind a name without type only an abbreviation counts: "BROADWAY E", but "OLD WEST" is a name.
  if (!follows_street(range.end - 2) && Word(range.end - 1).size() > 2) return;
  out->mutable_dir_suffix()->assign(last);
  --range.end;
}

void StreetParser::TakeDirectionInFront(Range& range, StandardAddress* out) {
  if (range.size() < 2 || !IsDirection(range.first, false) || IsOnlyType({range.first + 1, range.end})) return;
  const std::string_view first = Meaning(range.first)->direction;
  std::string& direction = *out->mutable_dir_prefix();
  direction.assign(first);
  if (range.size() >= 3 && IsOneOf(first, {"N", "S"}) && IsDirection(range.first + 1, false) &&
      IsOneOf(Meaning(range.first + 1)->direction, {"E", "W"}) && !IsOnlyType({range.first + 2, range.end})) {
    direction.append(Meaning(range.first + 1)->direction);
    ++range.first;
  }
  ++range.first;
}

void StreetParser::TakeType(Range& range, StandardAddress* out) {
  if (range.size() == 0) return;
  const AddressWord* last = Meaning(range.end - 1);
  std::string& name = *out->mutable_street_name();
  if (IsNameWithType(range)) {
    name.assign(Word(range.first) == "AVE" ? "AVENUE" : Word(range.first));
    AppendWord(Word(range.first + 1), &name);
  } else if (HasTypeBefore(range)) {
    out->mutable_type_prefix()->assign(Meaning(range.first)->type_before);
    name = Join({range.first + 1, range.end});
  } else if (range.size() == 2 && IsFrench(range)) {
    name = FrenchOrdinal(Word(range.first));
    out->mutable_type_suffix()->assign(last->type_before);
  } else if (range.size() >= 2 && last != nullptr && !last->type_after.empty()) {
    out->mutable_type_suffix()->assign(last->type_after);
    name = Join({range.first, range.end - 1});
  } else if (canada_ && range.size() >= 2 && last != nullptr && last->surely_before) {
    out->mutable_type_prefix()->assign(last->type_before);
    name = Join({range.first, range.end - 1});
  } else {
    name = Join(range);
  }
}

}  // namespace millrace::property
