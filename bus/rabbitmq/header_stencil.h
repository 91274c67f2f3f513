// The headers of a message as they lie in its block and as they are written in a table, for those that come after it with the
// same names and values of the same lengths: the table is copied as a whole, and only values that are known to differ from
// message to message are written into it. What has to be the same is compared in the same pass, as numbers.
//
//   if (char* end = stencil.Put(at, headers)) return end;
//   ... writes them field by field ...
//   stencil.Learn(headers, {at, end});
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_HEADER_STENCIL_H_
#define MILLRACE_BUS_RABBITMQ_HEADER_STENCIL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "bus/message.h"
#include "bus/rabbitmq/byte_buffer.h"
#include "bus/rabbitmq/content_names.h"

namespace millrace::bus {

class HeaderStencil {
 public:
  static constexpr size_t kStep = 32;       // bytes that are compared and copied at once
  static constexpr size_t kBlockMax = 512;  // of headers that are learned

  // From now on Put takes headers like these, of which `table` is what is written. Of headers that have been learned before, with
  // the same names and lengths, values that differ from those are taken to differ from message to message. Of more than few
  // headers, or more than fit, nothing is learned.
  void Learn(Headers headers, std::string_view table);
  void Forget() { block_size_ = 0; }

  // nullptr where the headers are others; what was written is not meant then. Writes over up to kStep bytes behind the block's
  // size.
  [[gnu::always_inline]] inline char* Put(char* at, Headers headers) const {
    const std::string_view block = headers.block();
    if (block.size() != block_size_ || block.empty()) return nullptr;
    const char* from = block.data();
    const char* const last = from + block.size() - kStep;
    const Step* step = steps_.data();
    char* to = at;
    Lanes differ{};
    for (; from < last; from += kStep, to += kStep, ++step) differ |= step->Do(from, to);
    differ |= step->Do(last, to);
    if ((differ[0] | differ[1]) != 0) return nullptr;
    // Kept, as for all a compiler knows the bytes that are written could be the count.
    const Value* const end = values_.data() + value_count_;
    for (const Value* value = values_.data(); value != end; ++value) {
      PutFew(at + value->to, block.data() + value->from, value->size);
    }
    return at + table_size_;
  }

 private:
  using Lanes = uint64_t __attribute__((vector_size(16)));

  static Lanes Load(const char* from) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof(lanes));
    return lanes;
  }

  // The last one compares the block's last bytes, of which the one before may have had some already.
  struct Step {
    [[gnu::always_inline]] inline Lanes Do(const char* from, char* to) const {
      std::memcpy(to, table.data(), kStep);
      return ((Load(from) & mask[0]) ^ block[0]) | ((Load(from + 16) & mask[1]) ^ block[1]);
    }
    Lanes mask[2];   // of the bytes that have to be the same
    Lanes block[2];  // those bytes
    std::array<char, kStep> table;
  };

  // One that differs from message to message: where it lies in the block and in the table.
  struct Value {
    uint16_t from, to, size;
  };

  bool SameShape(Headers headers) const;

  size_t block_size_ = 0;  // 0: nothing is known
  size_t table_size_ = 0;
  size_t value_count_ = 0;
  std::array<Value, content::kFew> values_;
  std::array<Step, kBlockMax / kStep> steps_;
  std::array<char, kBlockMax> block_;  // as it was learned, and which header's value differs
  std::array<bool, content::kFew> differs_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_HEADER_STENCIL_H_
