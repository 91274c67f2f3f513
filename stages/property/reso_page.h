// Takes one page of a RESO Web API answer apart: {"@odata.context": …, "value": [ … ], "@odata.nextLink": …}, with its
// members in any order.
//
//   ResoPage page(bytes);
//   while (true) {
//     absl::StatusOr<ResoPage::Piece> piece = page.Next();
//     if (piece->kind == ResoPage::Kind::kEnd) break;  // page.next_link()
//     ...                              // piece->text: one element; or the rest of a page that is not whole
//   }
//
// A page that is no such object, or stops in the middle, gives the elements before the break, and then once kBroken
// with everything from the break on. Works in memory bounded by the limit of a record, whatever the size of page or
// element.
//
// Threading: one object, one thread. Ownership: `bytes` lives elsewhere; pieces are valid until the next call.
#ifndef MILLRACE_STAGES_PROPERTY_RESO_PAGE_H_
#define MILLRACE_STAGES_PROPERTY_RESO_PAGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stages/property/feed_bytes.h"

namespace millrace::property {

class ResoPage {
 public:
  explicit ResoPage(FeedBytes* bytes) : bytes_(bytes) {}

  enum class Kind { kElement, kBroken, kEnd };
  struct Piece {
    Kind kind = Kind::kEnd;
    std::string_view text;     // at most kRecordBytesMax of it
    uint64_t whole_bytes = 0;  // of the whole piece
    uint64_t index = 0;        // of the element in the page; of kBroken: how many elements came before
    uint64_t start = 0;        // offset in the page
  };
  // Errors: those of the bytes.
  absl::StatusOr<Piece> Next();

  // Where to go on behind the last piece: pass both to Resume on a new object over the same bytes. Not behind kEnd.
  uint64_t offset() const { return at_; }
  uint64_t elements() const { return index_; }
  bool ended() const { return phase_ == Phase::kDone; }
  // Call instead of the first Next. Reads the head of the page again, for its next link.
  absl::Status Resume(uint64_t offset, uint64_t elements);

  // The page's @odata.nextLink, unescaped as far as \/ goes; empty where there was none up to here.
  const std::string& next_link() const { return next_link_; }

 private:
  enum class Phase { kStart, kMembers, kElements, kDone };

  // Each returns false where the page is not what it should be at at_.
  absl::StatusOr<bool> Start();
  absl::StatusOr<bool> Member(bool* value_found, bool* closed);
  absl::StatusOr<bool> ReadString(std::string* out);
  absl::StatusOr<bool> AtElement(bool* closed);
  absl::StatusOr<bool> SkipValue(uint64_t* end);
  absl::StatusOr<char> SkipBlanks();
  absl::StatusOr<Piece> Element(uint64_t end);
  absl::StatusOr<Piece> Broken(uint64_t start);
  // Runs to the first element, the end, or a break.
  absl::StatusOr<bool> ToElements();

  FeedBytes* const bytes_;
  Phase phase_ = Phase::kStart;
  uint64_t at_ = 0;
  uint64_t index_ = 0;
  bool need_comma_ = false;  // in the object or array that at_ is in
  bool value_seen_ = false;
  std::string next_link_;
  std::string key_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_RESO_PAGE_H_
