#include "stages/property/feed_pages.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stages/property/feed_text.h"
#include "stages/property/reso_scan.h"
#include "stages/property/reso_walk.h"

namespace millrace::property {
namespace {

class FilePages final : public PageSource {
 public:
  FilePages(std::string folder, std::vector<std::string> names, std::string identity, std::string what)
      : folder_(std::move(folder)), identity_(std::move(identity)), what_(std::move(what)), walk_(std::move(names)) {}

  const std::string& identity() const override { return identity_; }
  std::string what() const override { return what_; }
  absl::StatusOr<FeedBytes*> First() override {
    walk_.Restart();
    return OpenCurrent();
  }
  absl::StatusOr<FeedBytes*> Next(std::string_view next_link) override {
    // Of a single file the link says where it came from, not where to go.
    if (absl::Status moved = walk_.Advance(walk_.pages() == 1 ? "" : next_link); !moved.ok()) return moved;
    return OpenCurrent();
  }
  std::string_view name() const override { return walk_.page().value_or(""); }
  double Progress(double page_done) const override {
    return std::min(1.0, (static_cast<double>(walk_.ordinal()) + page_done) / static_cast<double>(walk_.pages()));
  }

 private:
  absl::StatusOr<FeedBytes*> OpenCurrent() {
    file_ = nullptr;
    if (!walk_.page().has_value()) return nullptr;
    absl::StatusOr<std::unique_ptr<FileBytes>> file =
        FileBytes::Open(absl::StrCat(folder_, std::string(*walk_.page())));
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
    return file_.get();
  }

  const std::string folder_;  // with its slash
  const std::string identity_, what_;
  ResoWalk walk_;
  std::unique_ptr<FileBytes> file_;
};

class GeneratedPages final : public PageSource {
 public:
  explicit GeneratedPages(const GeneratorOptions& options)
      : generator_(options), identity_(absl::StrCat(options.seed, ".", options.count, ".", options.page_size)) {}

  const std::string& identity() const override { return identity_; }
  std::string what() const override { return "the generator"; }
  absl::StatusOr<FeedBytes*> First() override { return Page(0); }
  absl::StatusOr<FeedBytes*> Next(std::string_view) override { return Page(number_ + 1); }
  absl::StatusOr<FeedBytes*> Page(uint64_t ordinal) override {
    number_ = ordinal;
    if (ordinal >= generator_.pages()) return nullptr;
    generator_.WritePage(ordinal, &text_);
    name_ = Generator::PageName(ordinal);
    return &bytes_.emplace(text_);
  }
  std::string_view name() const override { return name_; }
  double Progress(double page_done) const override {
    return std::min(1.0, (static_cast<double>(number_) + page_done) /
                             static_cast<double>(std::max<uint64_t>(generator_.pages(), 1)));
  }

 private:
  Generator generator_;
  const std::string identity_;
  uint64_t number_ = 0;
  std::string name_, text_;
  std::optional<MemoryBytes> bytes_;
};

}  // namespace

absl::StatusOr<FeedBytes*> PageSource::Page(uint64_t ordinal) {
  absl::StatusOr<FeedBytes*> bytes = First();
  for (uint64_t i = 0; i < ordinal && bytes.ok() && *bytes != nullptr; ++i) {
    ResoPage page(*bytes);
    while (true) {
      absl::StatusOr<ResoPage::Piece> piece = page.Next();
      if (!piece.ok()) return piece.status();
      if (piece->kind == ResoPage::Kind::kEnd) break;
    }
    bytes = Next(page.next_link());
  }
  return bytes;
}

absl::StatusOr<std::unique_ptr<PageSource>> OpenResoFiles(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    absl::StatusOr<std::unique_ptr<FileBytes>> file = FileBytes::Open(path);
    if (!file.ok()) return file.status();
    if ((*file)->size() == 0)
      return absl::InvalidArgumentError(absl::StrCat(path, " is empty: expected a RESO page, {\"value\": [ … ]}"));
    absl::StatusOr<std::string> identity = (*file)->Identity();
    if (!identity.ok()) return identity.status();
    const std::string name = BaseName(path);
    return std::make_unique<FilePages>(path.substr(0, path.size() - name.size()), std::vector<std::string>{name},
                                       *identity, path);
  }
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".json" && at->is_regular_file(error))
      names.push_back(at->path().filename().string());
  }
  if (error) return absl::UnavailableError(absl::StrCat("cannot read the folder ", path, ": ", error.message()));
  if (names.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("the folder ", path, " holds no pages: expected files named *.json"));
  std::sort(names.begin(), names.end());
  std::string content;
  for (const std::string& name : names) {
    absl::StatusOr<std::unique_ptr<FileBytes>> file = FileBytes::Open(absl::StrCat(path, "/", name));
    if (!file.ok()) return file.status();
    absl::StatusOr<std::string> identity = (*file)->Identity();
    if (!identity.ok()) return identity.status();
    absl::StrAppend(&content, name, "\n", *identity, "\n");
  }
  std::string identity = absl::StrCat(names.size(), ".");
  AppendDigest(content, &identity);
  return std::make_unique<FilePages>(absl::StrCat(path, "/"), std::move(names), std::move(identity),
                                     absl::StrCat("the folder ", path));
}

std::unique_ptr<PageSource> OpenGenerator(const GeneratorOptions& options) {
  return std::make_unique<GeneratedPages>(options);
}

absl::Status PagesInput::Enter(absl::StatusOr<FeedBytes*> bytes) {
  if (!bytes.ok()) return bytes.status();
  bytes_ = *bytes;
  page_.reset();
  if (bytes_ != nullptr) page_.emplace(bytes_);
  return absl::OkStatus();
}

void PagesInput::NotePosition() {
  position_.assign(pages_->identity());
  for (const uint64_t number :
       {ordinal_, page_->offset(), page_->elements(), static_cast<uint64_t>(page_->ended() ? 1 : 0)}) {
    position_.push_back(' ');
    AppendNumber(number, &position_);
  }
}

absl::Status PagesInput::Seek(std::string_view position) {
  started_ = false;
  ordinal_ = 0;
  position_.assign(position);
  if (position.empty()) return absl::OkStatus();
  const size_t blank = position.find(' ');
  if (position.substr(0, blank) != pages_->identity()) {
    return absl::InvalidArgumentError(absl::StrCat(
        pages_->what(), " is not what it was at the checkpoint (", std::string(position.substr(0, blank)), " then, ",
        pages_->identity(), " now): put the old content back, or start anew with another output folder"));
  }
  std::string_view rest = blank == std::string_view::npos ? std::string_view() : position.substr(blank + 1);
  uint64_t ordinal = 0, offset = 0, elements = 0, ended = 0;
  if (!TakeNumber(&rest, &ordinal) || !TakeNumber(&rest, &offset) || !TakeNumber(&rest, &elements) ||
      !TakeNumber(&rest, &ended)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no position in ", pages_->what(), ": \"", std::string(position.substr(0, 100)), "\""));
  }
  if (absl::Status entered = Enter(pages_->Page(ordinal)); !entered.ok()) return entered;
  if (bytes_ == nullptr)
    return absl::InvalidArgumentError(absl::StrCat(pages_->what(), " has no page ", ordinal, " as at the checkpoint"));
  started_ = true;
  ordinal_ = ordinal;
  if (ended == 0) return page_->Resume(offset, elements);
  // The rest of that page was a record. What link it had before the break counts all the same.
  while (true) {
    absl::StatusOr<ResoPage::Piece> piece = page_->Next();
    if (!piece.ok()) return piece.status();
    if (piece->kind == ResoPage::Kind::kEnd) return absl::OkStatus();
  }
}

void PagesInput::Fill(const ResoPage::Piece& piece) {
  const bool whole = piece.kind == ResoPage::Kind::kElement;
  subject_.assign(pages_->name());
  subject_.push_back('#');
  if (whole) {
    AppendNumber(piece.index, &subject_);
  } else {
    subject_.append("rest");
  }
  id_.assign(name_);
  id_.push_back(':');
  const size_t hash = id_.size() + pages_->name().size();
  id_.append(subject_);
  id_[hash] = ':';
  id_.push_back(':');
  AppendDigest(piece.text, &id_);
  headers_.clear();
  if (piece.whole_bytes > piece.text.size()) {
    bus::HeaderBuilder(&headers_).Add(
        kHeaderCut, absl::StrCat(piece.whole_bytes, " ", std::string(pages_->name()), ":", piece.start));
  }
  record_ = {.id = id_,
             .key = std::nullopt,
             .body = piece.text,
             .type = whole ? kRawReso : kRawPage,
             .content_type = whole ? "application/json" : "application/octet-stream",
             .subject = subject_,
             .headers = bus::Headers(headers_)};
  if (!whole) return;
  const std::optional<std::string_view> key = FindPlainMember(piece.text, "ListingKey");
  if (key.has_value() && !key->empty() && key->size() <= 255) record_.key = key;
}

absl::StatusOr<const FeedRecord*> PagesInput::Next() {
  if (!started_) {
    if (absl::Status entered = Enter(pages_->First()); !entered.ok()) return entered;
    started_ = true;
  }
  while (bytes_ != nullptr) {
    absl::StatusOr<ResoPage::Piece> piece = page_->Next();
    if (!piece.ok()) return piece.status();
    if (piece->kind != ResoPage::Kind::kEnd) {
      Fill(*piece);
      NotePosition();
      return &record_;
    }
    const std::string next_link = page_->next_link();
    if (absl::Status entered = Enter(pages_->Next(next_link)); !entered.ok()) return entered;
    ++ordinal_;
  }
  return nullptr;
}

double PagesInput::Progress() const {
  if (!started_) return 0;
  if (bytes_ == nullptr) return 1;
  const double size = static_cast<double>(std::max<uint64_t>(bytes_->size(), 1));
  return pages_->Progress(static_cast<double>(page_->offset()) / size);
}

}  // namespace millrace::property
