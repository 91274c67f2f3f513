// A set of ids too large for memory: sorted digests in a file without a name, looked up by binary search in its
// mapping.
//
//   IdSet::Builder builder(folder);
//   builder.Add(id);
//   absl::StatusOr<IdSet> set = builder.Build();
//   if (set->Contains(id)) …
//
// By 128-bit digests: two of a billion ids fall together with a probability below 10^-20.
//
// Errors      those of the file system.
// Threading   Contains from any thread.
#ifndef MILLRACE_OPS_ID_SET_H_
#define MILLRACE_OPS_ID_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "ops/record_sorter.h"

namespace millrace::ops {

class IdSet {
 public:
  class Builder;

  IdSet() = default;  // empty
  bool Contains(std::string_view id) const;
  uint64_t size() const { return size_; }

 private:
  class Mapping;
  std::shared_ptr<const Mapping> mapping_;
  const char* digests_ = nullptr;
  uint64_t size_ = 0;
};

class IdSet::Builder {
 public:
  explicit Builder(std::string folder) : folder_(std::move(folder)), sorter_(folder_, 8 << 20) {}
  absl::Status Add(std::string_view id);
  // Once, at the end.
  absl::StatusOr<IdSet> Build();

 private:
  const std::string folder_;
  RecordSorter sorter_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_ID_SET_H_
