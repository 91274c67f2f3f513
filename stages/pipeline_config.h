// From a pipeline as people write it to settings with every default filled in: the one place that knows the defaults'
// rules.
//
//   absl::StatusOr<PipelineFile> file = PipelineFile::Load("orders.textproto");       // stages/pipeline_file.h
//   absl::StatusOr<ResolvedPipeline> pipeline = Resolve(file->pipeline());
//   absl::Status status = bus->Apply(TopologyOf(*pipeline));
//
// Errors      Resolve refuses what it cannot make sense of (a stage whose input is no topic, a negative number), naming
// it. The whole check, with file
//             and line and advice, is Lint (stages/lint.h): run that first.
// Threading   values.
#ifndef MILLRACE_STAGES_PIPELINE_CONFIG_H_
#define MILLRACE_STAGES_PIPELINE_CONFIG_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "stages/pipeline.pb.h"
#include "stages/settings.h"

namespace millrace::stages {

absl::StatusOr<ResolvedPipeline> Resolve(const Pipeline& pipeline);

// What the bus has to have: topics with the groups that read them.
bus::Topology TopologyOf(const ResolvedPipeline& pipeline);

// "mem" of "mem:", "kafka" of "kafka://host:9092"; all of it where there is no colon.
std::string_view SchemeOf(std::string_view url);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PIPELINE_CONFIG_H_
