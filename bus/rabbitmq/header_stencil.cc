#include "bus/rabbitmq/header_stencil.h"

#include <algorithm>

namespace millrace::bus {

// Whether names and lengths are those that were learned.
bool HeaderStencil::SameShape(Headers headers) const {
  const std::string_view block = headers.block();
  if (block.size() != block_size_) return false;
  for (const Header header : headers) {
    const auto at = static_cast<size_t>(header.name.data() - block.data()) - 8;
    if (std::memcmp(block_.data() + at, block.data() + at, 8 + header.name.size()) != 0) return false;
  }
  return true;
}

void HeaderStencil::Learn(Headers headers, std::string_view table) {
  const std::string_view block = headers.block();
  if (block.size() < kStep || block.size() > kBlockMax) return Forget();
  const bool again = SameShape(headers);
  std::array<char, kBlockMax> mask;
  mask.fill('\xFF');
  size_t count = 0;
  size_t to = 0;
  value_count_ = 0;
  for (const Header header : headers) {
    if (count == content::kFew) return Forget();
    bool& differs = differs_[count++];
    if (!again) differs = false;
    to += 2 + header.name.size();  // a length, the name, a kind
    if (!header.value) continue;
    to += 4;
    const std::string_view value = *header.value;
    const auto from = static_cast<size_t>(value.data() - block.data());
    differs = differs || (again && std::memcmp(block_.data() + from, value.data(), value.size()) != 0);
    if (differs) {
      values_[value_count_++] = {static_cast<uint16_t>(from), static_cast<uint16_t>(to),
                                 static_cast<uint16_t>(value.size())};
      std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(from), value.size(), '\0');
    }
    to += value.size();
  }
  block_size_ = block.size();
  table_size_ = table.size();
  std::memcpy(block_.data(), block.data(), block.size());
  for (size_t at = 0; at < block.size(); at += kStep) {
    Step& step = steps_[at / kStep];
    const size_t from = std::min(at, block.size() - kStep);
    for (size_t i = 0; i < 2; ++i) {
      step.mask[i] = Load(mask.data() + from + 16 * i);
      step.block[i] = Load(block.data() + from + 16 * i) & step.mask[i];
    }
    step.table.fill('\0');
    if (at < table.size()) std::memcpy(step.table.data(), table.data() + at, std::min(kStep, table.size() - at));
  }
}

}  // namespace millrace::bus
