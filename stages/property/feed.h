// The source property.feed: real-estate records, raw, from files and from the generator. Parsing is a stage's
// (stages/property/parse.h), so that bad input is a job too.
//
//   source {
//     name: "feed" kind: "property.feed" topic: "raw"
//     option { key: "king_county" value: "data/us_king_county_sales/kc_house_data.csv" }   # CSV as on Kaggle
//     option { key: "vancouver" value: "data/ca_vancouver_building_permits/building_permits.csv" }
//     option { key: "reso" value: "pages/" }            # a RESO Web API page, or a folder of them
//     option { key: "generate" value: "20000" }         # so many records in generated pages
//     option { key: "seed" value: "7" }
//   }
//
// King_county, vancouver, reso and input may be repeated; input takes any of the three and tells them apart by their
// content. The inputs take turns, record by record, so that all kinds are in the stream from the beginning; the order
// is the same in every run.
//
// Threading: one thread at a time.
#ifndef MILLRACE_STAGES_PROPERTY_FEED_H_
#define MILLRACE_STAGES_PROPERTY_FEED_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/property/feed_input.h"
#include "stages/registry.h"
#include "stages/source.h"

namespace millrace::property {

class PropertyFeed final : public stages::Source {
 public:
  struct NamedInput {
    std::string name;  // unique; letters, digits, '_', '.'
    std::unique_ptr<FeedInput> input;
  };
  explicit PropertyFeed(std::vector<NamedInput> inputs) : inputs_(std::move(inputs)), ended_(inputs_.size()) {}

  // From the options above. Errors name option or file: InvalidArgument, NotFound, PermissionDenied.
  static absl::StatusOr<std::unique_ptr<PropertyFeed>> Open(const stages::SourceConfig& config);

  absl::Status Seek(std::string_view position) override;
  absl::StatusOr<bool> Read(size_t records_max, stages::SourceSink& sink) override;
  std::optional<double> Progress() const override;

 private:
  void NotePosition();

  std::vector<NamedInput> inputs_;
  std::vector<bool> ended_;
  size_t turn_ = 0;  // whose record comes next
  size_t ended_count_ = 0;
  std::string position_;  // "<turn>;<name>=<position of it>;…"
};

// Registers the source kind "property.feed".
absl::Status AddFeed(stages::Registry& registry);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FEED_H_
