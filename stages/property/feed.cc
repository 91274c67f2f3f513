#include "stages/property/feed.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "stages/property/feed_csv.h"
#include "stages/property/feed_pages.h"
#include "stages/property/feed_text.h"

namespace millrace::property {
namespace {

constexpr int64_t kGenerateMax = 1'000'000'000;

std::string Resolve(const std::string& base_dir, const std::string& path) {
  return path.empty() || path.front() == '/' || base_dir.empty() ? path : absl::StrCat(base_dir, "/", path);
}

absl::StatusOr<std::unique_ptr<FeedInput>> OpenCsv(std::string name, const CsvFormat& format, const std::string& path) {
  absl::StatusOr<std::unique_ptr<CsvInput>> input = CsvInput::Open(std::move(name), format, path);
  if (!input.ok()) return input.status();
  return std::unique_ptr<FeedInput>(std::move(*input));
}

absl::StatusOr<std::unique_ptr<FeedInput>> OpenReso(std::string name, const std::string& path) {
  absl::StatusOr<std::unique_ptr<PageSource>> pages = OpenResoFiles(path);
  if (!pages.ok()) return pages.status();
  return std::unique_ptr<FeedInput>(std::make_unique<PagesInput>(std::move(name), std::move(*pages)));
}

// Which option a file given as "input" should have been.
absl::StatusOr<std::string> KindOfFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return std::string("reso");
  absl::StatusOr<std::unique_ptr<FileBytes>> file = FileBytes::Open(path);
  if (!file.ok()) return file.status();
  constexpr size_t kLook = 1024;
  absl::StatusOr<std::string_view> view = (*file)->View(0, kLook);
  if (!view.ok()) return view.status();
  const std::string_view head = view->substr(0, kLook);
  for (const auto& [kind, format] :
       {std::pair("king_county", &kKingCountyFormat), std::pair("vancouver", &kVancouverFormat)}) {
    if (head.find(format->header) <= 3) return std::string(kind);  // behind a byte order mark
  }
  const size_t first = head.find_first_not_of("\xef\xbb\xbf \t\r\n");
  if (first != std::string_view::npos && head[first] == '{') return std::string("reso");
  return absl::InvalidArgumentError(
      absl::StrCat(path, head.empty() ? " is empty" : " is none of what this pipeline reads",
                   ": expected a CSV file with the header \"", std::string(kKingCountyFormat.header), "\" or \"",
                   std::string(kVancouverFormat.header), "\", or a RESO page beginning with '{'"));
}

absl::StatusOr<std::unique_ptr<FeedInput>> OpenInput(const std::string& kind, std::string name,
                                                     const std::string& path) {
  if (kind == "king_county") return OpenCsv(std::move(name), kKingCountyFormat, path);
  if (kind == "vancouver") return OpenCsv(std::move(name), kVancouverFormat, path);
  return OpenReso(std::move(name), path);
}

// Collects inputs under names that stay the same as long as the options do.
class Inputs {
 public:
  absl::Status Add(const std::string& kind, const std::string& path) {
    absl::StatusOr<std::unique_ptr<FeedInput>> input = OpenInput(kind, NextName(kind), path);
    if (!input.ok()) return input.status();
    list.push_back({NextName(kind), std::move(*input)});
    return absl::OkStatus();
  }
  std::string NextName(const std::string& kind) const {
    const auto same = std::count_if(list.begin(), list.end(),
                                    [&](const auto& i) { return i.name.substr(0, i.name.find('.')) == kind; });
    return same == 0 ? kind : absl::StrCat(kind, ".", same + 1);
  }
  std::vector<PropertyFeed::NamedInput> list;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PropertyFeed>> PropertyFeed::Open(const stages::SourceConfig& config) {
  Inputs inputs;
  for (const std::string kind : {"king_county", "vancouver", "reso", "input"}) {
    for (const std::string& option : config.options.All(kind)) {
      if (option.empty())
        return absl::InvalidArgumentError(
            absl::StrCat("source ", config.name, ": option ", kind, " is empty: expected a path"));
      const std::string path = Resolve(config.base_dir, option);
      absl::StatusOr<std::string> real_kind = kind == "input" ? KindOfFile(path) : kind;
      if (!real_kind.ok()) return real_kind.status();
      if (absl::Status added = inputs.Add(*real_kind, path); !added.ok()) return added;
    }
  }
  const absl::StatusOr<int64_t> count = config.options.GetInt("generate", 0, 0, kGenerateMax);
  if (!count.ok()) return count.status();
  const absl::StatusOr<int64_t> seed = config.options.GetInt("seed", 1, 0, INT64_MAX);
  if (!seed.ok()) return seed.status();
  const absl::StatusOr<int64_t> page_size = config.options.GetInt("page_size", 100, 1, 100'000);
  if (!page_size.ok()) return page_size.status();
  if (*count > 0) {
    const GeneratorOptions options{.seed = static_cast<uint64_t>(*seed),
                                   .count = static_cast<uint64_t>(*count),
                                   .page_size = static_cast<uint64_t>(*page_size)};
    inputs.list.push_back({"generate", std::make_unique<PagesInput>("generate", OpenGenerator(options))});
  }
  if (inputs.list.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("source ", config.name,
                     " reads nothing: give it one of the options king_county, vancouver, reso, input, generate"));
  }
  return std::make_unique<PropertyFeed>(std::move(inputs.list));
}

absl::Status PropertyFeed::Seek(std::string_view position) {
  std::fill(ended_.begin(), ended_.end(), false);
  ended_count_ = 0;
  turn_ = 0;
  if (position.empty()) {
    for (NamedInput& input : inputs_) {
      if (absl::Status sought = input.input->Seek(""); !sought.ok()) return sought;
    }
    return absl::OkStatus();
  }
  const absl::Status others = absl::InvalidArgumentError(
      "the inputs of the feed are not those of the checkpoint: run with the old ones, or start anew with another "
      "output folder");
  uint64_t turn = 0;
  if (!TakeNumber(&position, &turn) || turn >= inputs_.size()) return others;
  for (NamedInput& input : inputs_) {
    if (position.substr(0, input.name.size() + 2) != absl::StrCat(";", input.name, "=")) return others;
    position.remove_prefix(input.name.size() + 2);
    const std::string_view own = position.substr(0, position.find(';'));
    if (absl::Status sought = input.input->Seek(own); !sought.ok()) return sought;
    position.remove_prefix(own.size());
  }
  if (!position.empty()) return others;
  turn_ = turn;
  return absl::OkStatus();
}

void PropertyFeed::NotePosition() {
  position_.clear();
  AppendNumber(turn_, &position_);
  for (const NamedInput& input : inputs_)
    position_.append(";").append(input.name).append("=").append(input.input->position());
}

absl::StatusOr<bool> PropertyFeed::Read(size_t records_max, stages::SourceSink& sink) {
  for (size_t added = 0; added < records_max && ended_count_ < inputs_.size();) {
    const size_t mine = turn_;
    if (!ended_[mine]) {
      const absl::StatusOr<const FeedRecord*> next = inputs_[mine].input->Next();
      if (!next.ok()) return next.status();
      turn_ = (turn_ + 1) % inputs_.size();
      if (*next == nullptr) {
        ended_[mine] = true;
        ++ended_count_;
        continue;
      }
      const FeedRecord& record = **next;
      NotePosition();
      sink.Add({.id = record.id,
                .key = record.key,
                .body = record.body,
                .type = record.type,
                .content_type = record.content_type,
                .subject = record.subject,
                .headers = record.headers,
                .position = position_});
      ++added;
    } else {
      turn_ = (turn_ + 1) % inputs_.size();
    }
  }
  return ended_count_ < inputs_.size();
}

std::optional<double> PropertyFeed::Progress() const {
  double sum = 0;
  for (const NamedInput& input : inputs_) sum += input.input->Progress();
  return sum / static_cast<double>(inputs_.size());
}

absl::Status AddFeed(stages::Registry& registry) {
  return registry.AddSource(
      {.kind = "property.feed",
       .summary = "raw real-estate records from CSV files, RESO Web API pages and a generator",
       .options = {{.key = "king_county", .summary = "path of a King County sales CSV; may be repeated", .path = true},
                   {.key = "vancouver",
                    .summary = "path of a Vancouver building permits CSV; may be repeated",
                    .path = true},
                   {.key = "reso",
                    .summary = "path of a RESO Web API page, or of a folder of pages; may be repeated",
                    .path = true},
                   {.key = "input",
                    .summary = "path of any of the above, told apart by its content; may be repeated",
                    .path = true},
                   {.key = "generate", .summary = "how many records to generate (0)"},
                   {.key = "seed", .summary = "of the generator (1)"},
                   {.key = "page_size", .summary = "records of a generated page (100)"}},
       .make = [](const stages::SourceConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Source>> {
         absl::StatusOr<std::unique_ptr<PropertyFeed>> feed = PropertyFeed::Open(config);
         if (!feed.ok()) return feed.status();
         return std::unique_ptr<stages::Source>(std::move(*feed));
       }});
}

}  // namespace millrace::property
