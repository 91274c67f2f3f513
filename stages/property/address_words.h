// The words that addresses are made of, and their standard abbreviations, for one country: USPS Publication 28 or
// Canada Post.
//
//   AddressWords words(AddressCountry::kCanada);
//   words.Find("COURT")->type_after == "CRT"
//
// Threading: immutable after construction.
#ifndef MILLRACE_STAGES_PROPERTY_ADDRESS_WORDS_H_
#define MILLRACE_STAGES_PROPERTY_ADDRESS_WORDS_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace millrace::property {

enum class AddressCountry { kUnitedStates, kCanada };

// What a word may be; a word may be several things. Standard forms; empty where it is not that. They view into embedded
// data.
struct AddressWord {
  std::string_view word;
  std::string_view type_after;   // a street type behind the name: AVE
  std::string_view type_before;  // a street type before it, as in French: RUE
  // Whether type_before is certain: COTE may be a name ("COTE RD"), RUE is not.
  bool surely_before = false;
  std::string_view direction;  // N … SW, in French with O for Ouest
  bool french_direction = false;
  std::string_view unit;    // a unit designator: APT
  bool unit_alone = false;  // that stands without a number: REAR
};

class AddressWords {
 public:
  explicit AddressWords(AddressCountry country);
  AddressCountry country() const { return country_; }

  // nullptr for a word without meaning. Upper case, accents folded.
  const AddressWord* Find(std::string_view word) const {
    for (size_t slot = Hash(word);; ++slot) {
      const int16_t index = slots_[slot & mask_];
      if (index < 0) return nullptr;
      if (words_[index].word == word) return &words_[index];
    }
  }
  // All, for tests.
  const std::vector<AddressWord>& words() const { return words_; }

 private:
  enum class Meaning { kTypeAfter, kTypeBefore, kDirection, kUnit };

  static size_t Hash(std::string_view word) {
    uint64_t hash = 0xCBF29CE484222325;
    for (char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    return hash >> 20;
  }
  // Adds the meaning unless the word has it already.
  void Add(std::string_view word, std::string_view standard, Meaning meaning, std::string_view language);
  // Reads "variant<tab>standard[<tab>language]" lines behind a header line.
  void AddTable(std::string_view table, Meaning meaning);
  void BuildIndex();

  const AddressCountry country_;
  std::vector<AddressWord> words_;
  std::vector<int16_t> slots_;
  size_t mask_ = 0;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_ADDRESS_WORDS_H_
