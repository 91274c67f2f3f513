#include "stages/checkpoint.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bus/digest.h"
#include "stages/durable_file.h"

namespace millrace::stages {
namespace {

constexpr std::string_view kTitle = "millrace checkpoint 1\n";
constexpr size_t kBytesMax = 1 << 20;

std::string DigestLine(std::string_view text) {
  char hex[16];
  bus::WriteHex(bus::Digest64(text), hex);
  return "digest " + std::string(hex, sizeof hex) + "\n";
}

bool Consume(std::string_view* text, std::string_view expected) {
  if (text->substr(0, expected.size()) != expected) return false;
  text->remove_prefix(expected.size());
  return true;
}

bool ConsumeNumber(std::string_view* text, std::string_view name, uint64_t* value) {
  if (!Consume(text, name) || !Consume(text, " ")) return false;
  const size_t end = text->find('\n');
  if (end == std::string_view::npos) return false;
  const bool number = absl::SimpleAtoi(absl::string_view(text->data(), end), value);
  text->remove_prefix(end + 1);
  return number;
}

// The position stands last, under its length: it may hold any bytes.
bool Parse(std::string_view text, Checkpoint* out) {
  const std::string_view whole = text;
  uint64_t length = 0, finished = 0;
  if (!Consume(&text, kTitle) || !ConsumeNumber(&text, "records", &out->records) ||
      !ConsumeNumber(&text, "journal_bytes", &out->journal_bytes) || !ConsumeNumber(&text, "finished", &finished) ||
      !ConsumeNumber(&text, "position_bytes", &length) || length > text.size()) {
    return false;
  }
  out->finished = finished != 0;
  out->position = text.substr(0, length);
  text.remove_prefix(length);
  if (!Consume(&text, "\n")) return false;
  return text == DigestLine(whole.substr(0, whole.size() - text.size()));
}

}  // namespace

absl::Status SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint) {
  std::string text =
      absl::StrCat(absl::string_view(kTitle.data(), kTitle.size()), "records ", checkpoint.records, "\njournal_bytes ",
                   checkpoint.journal_bytes, "\nfinished ", checkpoint.finished ? 1 : 0, "\nposition_bytes ",
                   checkpoint.position.size(), "\n", checkpoint.position, "\n");
  text += DigestLine(text);
  return WriteFileAtomically(path, text);
}

absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(path, kBytesMax);
  if (absl::IsNotFound(text.status())) return std::optional<Checkpoint>();
  if (!text.ok()) return text.status();
  Checkpoint checkpoint;
  if (!Parse(*text, &checkpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " is not a checkpoint, or was damaged: delete it to feed from the beginning (records are "
                     "recognised by their ids), or use another output folder"));
  }
  return std::optional<Checkpoint>(std::move(checkpoint));
}

}  // namespace millrace::stages
