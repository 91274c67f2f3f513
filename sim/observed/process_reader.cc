#include "sim/observed/process_reader.h"

#include <charconv>
#include <fstream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sim/observed/process_log.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kTopicsMax = 10'000;

struct Shape {
  char kind;
  size_t numbers;
  bool message;
};
constexpr Shape kShapes[] = {
    {'a', 3, false}, {'r', 2, false}, {'l', 2, false}, {'x', 2, false}, {'D', 4, true},  {'d', 4, false},
    {'A', 7, false}, {'O', 1, true},  {'P', 3, true},  {'C', 3, false}, {'s', 4, false}, {'c', 3, false},
    {'T', 1, false}, {'t', 1, false}, {'g', 0, false}, {'!', 1, false}, {'E', 1, false},
};

// Takes " number" off the front.
bool TakeNumber(std::string_view* text, int base, uint64_t* number) {
  if (text->empty() || text->front() != ' ') return false;
  text->remove_prefix(1);
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number, base);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

// Thirty-two hexadecimal digits are two numbers.
bool TakeId(std::string_view* text, bus::Digest128* id) {
  if (text->size() < 33) return false;
  const std::string high(text->substr(0, 17)), low = " " + std::string(text->substr(17, 16));
  std::string_view front = high, back = low;
  text->remove_prefix(33);
  return TakeNumber(&front, 16, &id->high) && front.empty() && TakeNumber(&back, 16, &id->low) && back.empty();
}

bool Parse(std::string_view text, ProcessLine* line) {
  *line = {};
  if (text.empty()) return false;
  line->kind = text.front();
  text.remove_prefix(1);
  const Shape* shape = nullptr;
  for (const Shape& s : kShapes) shape = s.kind == line->kind ? &s : shape;
  uint64_t at = 0;
  if (shape == nullptr || !TakeNumber(&text, 10, &at)) return false;
  line->at_ns = static_cast<int64_t>(at);
  for (size_t i = 0; i < shape->numbers; ++i) {
    if (!TakeNumber(&text, 10, &line->numbers[i])) return false;
  }
  if (shape->message && (!TakeId(&text, &line->id) || !TakeNumber(&text, 16, &line->content))) return false;
  return text.empty();
}

// Whole lines only.
class Lines {
 public:
  explicit Lines(const std::string& path) : in_(path, std::ios::binary) {}
  bool opened() const { return in_.is_open(); }
  uint64_t number() const { return number_; }
  bool Next(std::string* line) {
    if (!std::getline(in_, *line) || in_.eof()) return false;
    ++number_;
    return true;
  }

 private:
  std::ifstream in_;
  uint64_t number_ = 0;
};

}  // namespace

absl::Status ReadProcessLog(const std::string& path, const std::function<absl::Status(const ProcessHead&)>& head,
                            const std::function<absl::Status(const ProcessLine&)>& line) {
  Lines lines(path);
  if (!lines.opened()) return absl::NotFoundError("there is no history " + path);
  const auto bad = [&](const std::string& what) {
    return absl::DataLossError(absl::StrCat(path, ", line ", lines.number(), ": ", what));
  };
  const auto torn = [&] {
    return absl::DataLossError(
        path + " ends within its head: a part of it is gone, and with it who has written it; get it back whole");
  };
  std::string text;
  // A process that was killed before it had written anything has done nothing either.
  if (!lines.Next(&text)) return text.empty() ? absl::OkStatus() : torn();
  if (text != kProcessLogHead) return bad("this is no history that this program can read");
  ProcessHead begin;
  std::string count;
  if (!lines.Next(&begin.process) || !lines.Next(&begin.stage) || !lines.Next(&count)) return torn();
  uint64_t topics = 0;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), topics);
  if (error != std::errc() || end != count.data() + count.size() || topics > kTopicsMax)
    return bad("\"" + count + "\" is no number of topics");
  for (uint64_t i = 0; i < topics; ++i) {
    if (!lines.Next(&begin.topics.emplace_back())) return torn();
  }
  if (absl::Status s = head(begin); !s.ok()) return bad(std::string(s.message()));
  ProcessLine one;
  while (lines.Next(&text)) {
    if (!Parse(text, &one)) return bad("\"" + text.substr(0, 80) + "\" says nothing that a process can have done");
    if (absl::Status s = line(one); !s.ok()) return bad(std::string(s.message()));
  }
  return absl::OkStatus();
}

}  // namespace millrace::sim
