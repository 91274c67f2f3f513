// RESO pages as input: each element of each page's value[] raw, as it stands in the page. What can't be taken apart (a
// page that is no JSON, or that stops in the middle) is one record of its own, so that it is a job too; the next page
// goes on.
//
// Id: "<input>:<page>:<element>:<digest of the body>", "rest" instead of the element for what could not be taken apart.
// Key: the ListingKey, where it is there and plain. A record over the limit is cut (kHeaderCut).
//
// Threading: one thread at a time.
#ifndef MILLRACE_STAGES_PROPERTY_FEED_PAGES_H_
#define MILLRACE_STAGES_PROPERTY_FEED_PAGES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stages/property/feed_bytes.h"
#include "stages/property/feed_input.h"
#include "stages/property/generator.h"
#include "stages/property/reso_page.h"

namespace millrace::property {

// Where pages come from, one after the other.
class PageSource {
 public:
  virtual ~PageSource() = default;
  // Changes when the content does: letters, digits, '.'.
  virtual const std::string& identity() const = 0;
  // For messages to people: "the folder /data/pages".
  virtual std::string what() const = 0;
  // The first page, the page behind the current one (which had this next link). nullptr: no more.
  virtual absl::StatusOr<FeedBytes*> First() = 0;
  virtual absl::StatusOr<FeedBytes*> Next(std::string_view next_link) = 0;
  // The page behind so many others. Default: from the first on, by their links.
  virtual absl::StatusOr<FeedBytes*> Page(uint64_t ordinal);
  // Of the current page.
  virtual std::string_view name() const = 0;
  // `pages_done` of all, 0 … 1.
  virtual double Progress(double pages_done) const = 0;
};

// A file, or the .json files of a folder in the order of their links (stages/property/reso_walk.h).
// Errors: NotFound and the like for the path; InvalidArgument for an empty file or a folder without pages.
absl::StatusOr<std::unique_ptr<PageSource>> OpenResoFiles(const std::string& path);

std::unique_ptr<PageSource> OpenGenerator(const GeneratorOptions& options);

class PagesInput final : public FeedInput {
 public:
  // `name` is the input's name in ids.
  PagesInput(std::string name, std::unique_ptr<PageSource> pages) : name_(std::move(name)), pages_(std::move(pages)) {}

  absl::Status Seek(std::string_view position) override;
  absl::StatusOr<const FeedRecord*> Next() override;
  std::string_view position() const override { return position_; }
  double Progress() const override;

 private:
  absl::Status Enter(absl::StatusOr<FeedBytes*> bytes);
  void Fill(const ResoPage::Piece& piece);
  void NotePosition();

  const std::string name_;
  const std::unique_ptr<PageSource> pages_;
  bool started_ = false;
  FeedBytes* bytes_ = nullptr;  // of the current page; nullptr: behind the last
  std::optional<ResoPage> page_;
  uint64_t ordinal_ = 0;

  FeedRecord record_;
  std::string id_, subject_, position_, headers_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FEED_PAGES_H_
