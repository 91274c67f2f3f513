// Where bodies go that do not fit into their dead letters.
#ifndef MILLRACE_STAGES_SPOOL_H_
#define MILLRACE_STAGES_SPOOL_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::stages {

class Spool {
 public:
  virtual ~Spool() = default;
  // Keeps the body durably, under a name made from the id; the same id again replaces it. Blocks. Any thread.
  virtual absl::Status Keep(std::string_view id, std::string_view body) = 0;
};

// Files "<digest of the id>.body" in a folder, made when first needed; written beside, synced and renamed.
class FolderSpool : public Spool {
 public:
  explicit FolderSpool(std::string folder) : folder_(std::move(folder)) {}
  absl::Status Keep(std::string_view id, std::string_view body) override;

 private:
  const std::string folder_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_SPOOL_H_
