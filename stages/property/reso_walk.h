// The order of the pages in a folder: by @odata.nextLink as long as it names a page beside this one, else the first
// page by name that was not visited. A link is a file name, as whoever saved the pages wrote it; a URL is not followed
// (the pages then come by name: page-2 before page-10).
//
// Threading: one object, one thread.
#ifndef MILLRACE_STAGES_PROPERTY_RESO_WALK_H_
#define MILLRACE_STAGES_PROPERTY_RESO_WALK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::property {

class ResoWalk {
 public:
  // The pages of a folder: its files that end in ".json". Any order.
  explicit ResoWalk(std::vector<std::string> names);

  // The page to read now; nullopt behind the last.
  std::optional<std::string_view> page() const;
  // How many pages were visited before it.
  size_t ordinal() const { return ordinal_; }
  size_t pages() const { return names_.size(); }
  // Leaves the page, which had this link (or none). NotFound: the link names a page that is not in the folder, so that
  // records would be missing.
  absl::Status Advance(std::string_view next_link);
  void Restart();

 private:
  void Visit(size_t index);

  std::vector<std::string> names_;  // sorted
  std::vector<bool> visited_;
  size_t current_ = 0;
  size_t first_unvisited_ = 0;
  size_t ordinal_ = 0;
};

// By name, with runs of digits compared as numbers.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_RESO_WALK_H_
