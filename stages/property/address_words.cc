#include "stages/property/address_words.h"

#include <algorithm>

#include "stages/property/embedded_data.h"

namespace millrace::property {
namespace {

// Designators that Publication 28 lets stand without a number.
constexpr std::string_view kAlone[] = {"BSMT", "FRNT", "LBBY", "LOWR", "OFC", "PH", "REAR", "SIDE", "UPPER"};

}  // namespace

AddressWords::AddressWords(AddressCountry country) : country_(country) {
  if (country == AddressCountry::kUnitedStates) {
    AddTable(UsStreetSuffixes(), Meaning::kTypeAfter);
    AddTable(UsDirectionals(), Meaning::kDirection);
    AddTable(UsUnitDesignators(), Meaning::kUnit);
  } else {
    AddTable(CanadaStreetTypes(), Meaning::kTypeAfter);
    AddTable(CanadaDirections(), Meaning::kDirection);
    AddTable(CanadaUnitDesignators(), Meaning::kUnit);
  }
}

void AddressWords::Add(std::string_view word, std::string_view standard, Meaning meaning, std::string_view language) {
  auto at = std::find_if(words_.begin(), words_.end(), [&](const AddressWord& w) { return w.word == word; });
  if (at == words_.end()) {
    words_.push_back({.word = word});
    at = words_.end() - 1;
  }
  const auto set = [&](std::string_view& form) {
    if (form.empty()) form = standard;
  };
  switch (meaning) {
    case Meaning::kTypeAfter:
      return set(at->type_after);
    case Meaning::kTypeBefore:
      if (at->type_before.empty()) at->surely_before = language == "fr";
      return set(at->type_before);
    case Meaning::kDirection:
      if (at->direction.empty()) at->french_direction = language == "fr";
      return set(at->direction);
    case Meaning::kUnit:
      at->unit_alone = std::find(std::begin(kAlone), std::end(kAlone), standard) != std::end(kAlone);
      return set(at->unit);
  }
}

void AddressWords::AddTable(std::string_view table, Meaning meaning) {
  std::string_view line;
  // A standard form is a variant of itself; but where the table says otherwise, the table counts, so it comes first.
  for (const bool itself : {false, true}) {
    std::string_view rest = table;
    TakeLine(rest, line);
    while (TakeLine(rest, line)) {
      const std::string_view variant = TakeCell(line), standard = TakeCell(line), language = TakeCell(line);
      const bool before = meaning == Meaning::kTypeAfter && language.substr(0, 2) == "fr";
      Add(itself ? standard : variant, standard, before ? Meaning::kTypeBefore : meaning, language);
    }
  }
  BuildIndex();
}

void AddressWords::BuildIndex() {
  size_t slots = 64;
  while (slots < words_.size() * 4) slots *= 2;
  slots_.assign(slots, -1);
  mask_ = slots - 1;
  for (size_t i = 0; i < words_.size(); ++i) {
    size_t slot = Hash(words_[i].word) & mask_;
    while (slots_[slot] >= 0) slot = (slot + 1) & mask_;
    slots_[slot] = static_cast<int16_t>(i);
  }
}

}  // namespace millrace::property
