#include "ops/finding_note.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace millrace::ops {
namespace {

struct Field {
  uint32_t size;
  char bytes[16'000];
};

void Put(const std::string& text, Field& field) {
  field.size = static_cast<uint32_t>(std::min(text.size(), sizeof(field.bytes)));
  std::memcpy(field.bytes, text.data(), field.size);
}

std::string TextOf(const Field& field) { return {field.bytes, field.size}; }

}  // namespace

struct FindingNote::Shared {
  bool written;  // zero, as all of it is at first
  sim::StageFindingKind kind;
  Field stage, input, what, text;
};

FindingNote::FindingNote() {
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) shared_ = static_cast<Shared*>(memory);
}

FindingNote::~FindingNote() {
  if (shared_ != nullptr) munmap(shared_, sizeof(Shared));
}

void FindingNote::Write(const sim::StageFinding& finding) {
  if (shared_ == nullptr) return;
  shared_->kind = finding.kind;
  Put(finding.stage, shared_->stage);
  Put(finding.input, shared_->input);
  Put(finding.what, shared_->what);
  Put(finding.text, shared_->text);
  shared_->written = true;
}

std::optional<sim::StageFinding> FindingNote::Read() const {
  if (shared_ == nullptr || !shared_->written) return std::nullopt;
  sim::StageFinding finding{.kind = shared_->kind,
                            .stage = TextOf(shared_->stage),
                            .input = TextOf(shared_->input),
                            .what = TextOf(shared_->what)};
  finding.text = TextOf(shared_->text);
  return finding;
}

}  // namespace millrace::ops
