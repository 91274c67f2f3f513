// A pipeline as it was written: the message, and where in the file each part of it stands, so that what is wrong can be
// said with file and line.
//
//   PipelineFile file = PipelineFile::Parse("orders.textproto", text);
//   for (const Problem& p : file.problems()) std::cerr << p.ToString() << "\n";
//   Place place = file.Root().Child("stage", 2).Field("dead_letter");       // place.line: 0: the file does not say
//
// Errors      what is wrong with the text is a Problem, not a status: a file with problems still has what could be
//             read.
// Threading   immutable after Parse.
// Ownership   Nodes view into the file.
#ifndef MILLRACE_STAGES_PIPELINE_FILE_H_
#define MILLRACE_STAGES_PIPELINE_FILE_H_

#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "stages/pipeline.pb.h"

namespace millrace::stages {

// Something to tell the author of a pipeline.
struct Problem {
  enum Severity { kError, kWarning };
  std::string file;
  int line = 0;  // from 1; 0: the file as a whole
  Severity severity = kError;
  std::string text;  // "what is wrong; what to do"

  // "file:line: text", warnings marked as such.
  std::string ToString() const;
  bool operator==(const Problem&) const = default;
};

// One message in the file: the pipeline, one of its stages, …
class Node {
 public:
  Node(const google::protobuf::Descriptor* type, const google::protobuf::TextFormat::ParseInfoTree* tree, int line)
      : type_(type), tree_(tree), line_(line) {}

  // Where it begins; for the pipeline 1.
  int line() const { return line_; }
  // Where a field of it stands, or where it begins itself when the field is not there. `field` is a name in the schema;
  // `index` counts in repeated fields.
  int LineOf(std::string_view field, int index = 0) const;
  // Whether the field is written down, be it with its default value.
  bool Has(std::string_view field) const;
  // A message in it.
  Node Child(std::string_view field, int index = 0) const;

 private:
  google::protobuf::TextFormat::ParseLocation Find(std::string_view field, int index) const;

  const google::protobuf::Descriptor* type_;
  const google::protobuf::TextFormat::ParseInfoTree* tree_;  // nullptr: not in the file
  int line_;
};

class PipelineFile {
 public:
  // Errors: NotFound, PermissionDenied, InvalidArgument (a folder, too large), naming the path.
  static absl::StatusOr<PipelineFile> Load(const std::string& path);
  // `name` is only for messages and for base_dir().
  static PipelineFile Parse(std::string name, std::string_view text);

  const std::string& name() const { return name_; }
  // The folder it lies in: what relative paths in it are relative to.
  std::string base_dir() const;
  const Pipeline& pipeline() const { return *pipeline_; }
  // For what the command line says otherwise. What is added stands, for messages, where the message it is in begins.
  Pipeline* mutable_pipeline() { return pipeline_.get(); }
  // Whether the text could be read to its end. If not, pipeline() is what came before the error.
  bool complete() const { return complete_; }
  const std::vector<Problem>& problems() const { return problems_; }
  Node Root() const;

 private:
  std::string name_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<google::protobuf::TextFormat::ParseInfoTree> tree_;
  std::vector<Problem> problems_;
  bool complete_ = false;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PIPELINE_FILE_H_
