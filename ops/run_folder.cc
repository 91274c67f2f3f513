#include "ops/run_folder.h"

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace millrace::ops {
namespace {

constexpr size_t kStateBytesMax = 4096;

absl::Status Advise(const absl::Status& status, const std::string& advice) {
  return absl::Status(status.code(), std::string(status.message()) + "; " + advice);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunFolder>> RunFolder::Open(const std::string& path, const std::string& pipeline) {
  const std::string advice = "give a folder that can be written to: --out DIR";
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return Advise(stages::ErrnoStatus(error.value(), "cannot make the output folder " + path), advice);
  absl::StatusOr<std::unique_ptr<stages::FileLock>> lock = stages::FileLock::Take(path + "/run.lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError("another run is using the output folder " + path +
                                         "; wait for its end, or give another folder: --out DIR");
  }
  if (!lock.ok()) return Advise(lock.status(), advice);
  std::unique_ptr<RunFolder> folder(new RunFolder(path, pipeline, *std::move(lock)));
  if (absl::Status status = folder->ReadState(); !status.ok()) return status;
  return folder;
}

absl::Status RunFolder::ReadState() {
  const absl::StatusOr<std::string> state = stages::ReadWholeFile(path_ + "/run.state", kStateBytesMax);
  if (absl::IsNotFound(state.status())) return absl::OkStatus();
  if (!state.ok()) return state.status();
  const size_t space = state->find(' ');
  const std::string mark = state->substr(0, space);
  std::string owner = space == std::string::npos ? "" : state->substr(space + 1);
  while (!owner.empty() && owner.back() == '\n') owner.pop_back();
  if (owner != pipeline_) {
    return absl::FailedPreconditionError("the output folder " + path_ + " holds the results of the pipeline \"" +
                                         owner + "\", not of \"" + pipeline_ + "\"; give another folder: --out DIR");
  }
  previous_ = mark == "stopped" ? Previous::kStopped : Previous::kKilled;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> RunFolder::ReadRefeed(const std::string& source) const {
  const absl::StatusOr<std::string> text = stages::ReadWholeFile(refeed(source), kStateBytesMax);
  if (absl::IsNotFound(text.status())) return std::optional<uint64_t>();
  if (!text.ok()) return text.status();
  uint64_t records = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), records);
  if (error != std::errc() || end == text->data() + text->size() || *end != '\n') {
    return absl::DataLossError(refeed(source) + " is damaged; remove it, and everything is taken to be fed already");
  }
  return std::optional<uint64_t>(records);
}

absl::Status RunFolder::WriteRefeed(const std::string& source, uint64_t journal_records) const {
  return stages::WriteFileAtomically(refeed(source), std::to_string(journal_records) + "\n");
}

absl::Status RunFolder::EndRefeed(const std::string& source) const {
  std::error_code error;
  std::filesystem::remove(refeed(source), error);
  if (error) return stages::ErrnoStatus(error.value(), "cannot remove " + refeed(source));
  return absl::OkStatus();
}

absl::Status RunFolder::Mark(const std::string& state) {
  return stages::WriteFileAtomically(path_ + "/run.state", state + " " + pipeline_ + "\n");
}

}  // namespace millrace::ops
