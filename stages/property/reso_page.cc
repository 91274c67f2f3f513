#include "stages/property/reso_page.h"

#include <algorithm>

#include "stages/property/feed_input.h"
#include "stages/property/reso_scan.h"

namespace millrace::property {
namespace {

constexpr size_t kStringMax = 8192;  // of a member's name, or a next link
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

// The first byte at or behind at_ that is not blank, '\0' at the end. Moves at_ there.
absl::StatusOr<char> ResoPage::SkipBlanks() {
  while (at_ < bytes_->size()) {
    absl::StatusOr<std::string_view> view = bytes_->View(at_, 1);
    if (!view.ok()) return view.status();
    for (const char c : *view) {
      if (!IsJsonBlank(c)) return c;
      ++at_;
    }
  }
  return '\0';
}

// A string at at_, which moves behind it. False: it is none, has no end, or is longer than such a string can be (then
// at_ stays).
absl::StatusOr<bool> ResoPage::ReadString(std::string* out) {
  absl::StatusOr<std::string_view> view = bytes_->View(at_, kStringMax);
  if (!view.ok()) return view.status();
  JsonSkipper skipper;
  const size_t size = skipper.Skip(view->substr(0, kStringMax));
  if (view->empty() || view->front() != '"' || !skipper.done()) return false;
  out->clear();
  const std::string_view text = view->substr(1, size - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '/') continue;
    out->push_back(text[i]);
  }
  at_ += size;
  return true;
}

// Finds the end of the value at at_. False where it has none.
absl::StatusOr<bool> ResoPage::SkipValue(uint64_t* end) {
  JsonSkipper skipper;
  for (uint64_t at = at_; at < bytes_->size();) {
    absl::StatusOr<std::string_view> view = bytes_->View(at, 1);
    if (!view.ok()) return view.status();
    at += skipper.Skip(*view);
    if (skipper.bad()) return false;
    if (skipper.done()) {
      *end = at;
      return true;
    }
  }
  return false;
}

absl::StatusOr<bool> ResoPage::Start() {
  absl::StatusOr<std::string_view> view = bytes_->View(0, kByteOrderMark.size());
  if (!view.ok()) return view.status();
  if (view->substr(0, kByteOrderMark.size()) == kByteOrderMark) at_ = kByteOrderMark.size();
  absl::StatusOr<char> c = SkipBlanks();
  if (!c.ok()) return c.status();
  if (*c != '{') return false;
  ++at_;
  phase_ = Phase::kMembers;
  need_comma_ = false;
  return true;
}

// One member of the page's object, or its end.
absl::StatusOr<bool> ResoPage::Member(bool* value_found, bool* closed) {
  absl::StatusOr<char> c = SkipBlanks();
  if (c.ok() && *c == '}') {
    ++at_;
    *closed = true;
    c = SkipBlanks();
    if (!c.ok()) return c.status();
    return at_ == bytes_->size() && value_seen_;
  }
  if (c.ok() && need_comma_) {
    if (*c != ',') return false;
    ++at_;
    c = SkipBlanks();
  }
  if (!c.ok()) return c.status();
  absl::StatusOr<bool> read = ReadString(&key_);
  if (!read.ok() || !*read) return read;
  c = SkipBlanks();
  if (!c.ok()) return c.status();
  if (*c != ':') return false;
  ++at_;
  c = SkipBlanks();
  if (!c.ok()) return c.status();
  if (key_ == "value" && *c == '[') {
    ++at_;
    *value_found = true;
    value_seen_ = true;
    return true;
  }
  need_comma_ = true;
  if (key_ == "@odata.nextLink" && *c == '"') return ReadString(&next_link_);
  uint64_t end = 0;
  read = SkipValue(&end);
  if (read.ok() && *read) at_ = end;
  return read;
}

absl::StatusOr<bool> ResoPage::ToElements() {
  if (phase_ == Phase::kStart) {
    absl::StatusOr<bool> started = Start();
    if (!started.ok() || !*started) return started;
  }
  while (phase_ == Phase::kMembers) {
    bool value_found = false, closed = false;
    absl::StatusOr<bool> member = Member(&value_found, &closed);
    if (!member.ok() || !*member) return member;
    if (closed) phase_ = Phase::kDone;
    if (value_found) {
      phase_ = Phase::kElements;
      need_comma_ = false;
    }
  }
  return true;
}

// Moves to the beginning of the next element, or behind the end of the array.
absl::StatusOr<bool> ResoPage::AtElement(bool* closed) {
  absl::StatusOr<char> c = SkipBlanks();
  if (!c.ok()) return c.status();
  if (*c == ']') {
    ++at_;
    *closed = true;
    phase_ = Phase::kMembers;
    need_comma_ = true;
    return true;
  }
  if (!need_comma_) return at_ < bytes_->size();
  if (*c != ',') return false;
  ++at_;
  c = SkipBlanks();
  if (!c.ok()) return c.status();
  return at_ < bytes_->size();
}

absl::StatusOr<ResoPage::Piece> ResoPage::Element(uint64_t end) {
  const uint64_t size = end - at_;
  const size_t shown = static_cast<size_t>(std::min<uint64_t>(size, kRecordBytesMax));
  absl::StatusOr<std::string_view> view = bytes_->View(at_, shown);
  if (!view.ok()) return view.status();
  Piece piece{
      .kind = Kind::kElement, .text = view->substr(0, shown), .whole_bytes = size, .index = index_++, .start = at_};
  at_ = end;
  need_comma_ = true;
  return piece;
}

absl::StatusOr<ResoPage::Piece> ResoPage::Broken(uint64_t start) {
  phase_ = Phase::kDone;
  at_ = bytes_->size();
  const uint64_t size = bytes_->size() - start;
  const size_t shown = static_cast<size_t>(std::min<uint64_t>(size, kRecordBytesMax));
  absl::StatusOr<std::string_view> view = bytes_->View(start, shown);
  if (!view.ok()) return view.status();
  return Piece{
      .kind = Kind::kBroken, .text = view->substr(0, shown), .whole_bytes = size, .index = index_, .start = start};
}

absl::StatusOr<ResoPage::Piece> ResoPage::Next() {
  // What does not make sense is told from where it began; a page without any sense, from its beginning.
  while (phase_ != Phase::kDone) {
    const uint64_t before = value_seen_ ? at_ : 0;
    absl::StatusOr<bool> sound = ToElements();
    if (!sound.ok()) return sound.status();
    if (!*sound) return Broken(before);
    if (phase_ == Phase::kDone) break;

    const uint64_t element = at_;
    bool closed = false;
    sound = AtElement(&closed);
    if (!sound.ok()) return sound.status();
    if (!*sound) return Broken(element);
    if (closed) continue;
    uint64_t end = 0;
    sound = SkipValue(&end);
    if (!sound.ok()) return sound.status();
    if (!*sound) return Broken(at_);
    return Element(end);
  }
  return Piece{};
}

absl::Status ResoPage::Resume(uint64_t offset, uint64_t elements) {
  absl::StatusOr<bool> sound = ToElements();
  if (!sound.ok()) return sound.status();
  if (!*sound || phase_ != Phase::kElements || offset > bytes_->size() || offset < at_) {
    return absl::InvalidArgumentError("the page is not what it was at the checkpoint");
  }
  at_ = offset;
  index_ = elements;
  need_comma_ = elements > 0;
  return absl::OkStatus();
}

}  // namespace millrace::property
