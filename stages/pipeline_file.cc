#include "stages/pipeline_file.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "stages/suggest.h"

namespace millrace::stages {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

constexpr int64_t kFileBytesMax = 4 << 20;
constexpr int kNestingMax = 16;  // the schema needs four

std::string Indefinite(const std::string& text) { return "the text is not well formed (" + text + ")"; }

// The piece of `text` between `before` and `after`; empty where it is not of that form.
std::string Between(const std::string& text, std::string_view before, std::string_view after) {
  const size_t start = text.find(before);
  if (start == std::string::npos) return "";
  const size_t end = text.find(after, start + before.size());
  return end == std::string::npos ? "" : text.substr(start + before.size(), end - start - before.size());
}

std::vector<std::string> FieldNames(const Descriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  return names;
}

// Protobuf's words, in the reader's: which message has no such field, and which it has.
std::string Explain(const std::string& text) {
  const std::string field = Between(text, "has no field named \"", "\"");
  const std::string type = Between(text, "Message type \"", "\"");
  const Descriptor* descriptor =
      Pipeline::descriptor()->file()->FindMessageTypeByName(type.substr(type.rfind('.') + 1));
  if (!field.empty() && descriptor != nullptr) {
    return "there is no field \"" + field + "\" in a " + descriptor->name() + "; " +
           Suggest(field, FieldNames(descriptor));
  }
  const std::string value = Between(text, "Unknown enumeration value of \"", "\"");
  if (!value.empty()) {
    const std::string name = Between(text, "for field \"", "\"");
    const FieldDescriptor* owner = StageSpec::descriptor()->FindFieldByName(name);
    std::vector<std::string> known;
    for (int i = 0; owner != nullptr && owner->enum_type() != nullptr && i < owner->enum_type()->value_count(); ++i) {
      known.push_back(owner->enum_type()->value(i)->name());
    }
    return "\"" + value + "\" is no value of " + name + "; " + Suggest(value, known);
  }
  if (text.find("is specified multiple times") != std::string::npos) {
    return "the field \"" + Between(text, "Non-repeated field \"", "\"") + "\" is there twice; remove one";
  }
  return Indefinite(text) + "; correct it, then lint again: what comes behind it has not been checked";
}

class Collector : public google::protobuf::io::ErrorCollector {
 public:
  Collector(const std::string& file, std::vector<Problem>* problems) : file_(file), problems_(problems) {}
  void AddError(int line, int, const std::string& message) override { Add(line, message); }
  // With AllowUnknownField the parser only warns of what it does not know, and goes on: so one run finds them all.
  void AddWarning(int line, int, const std::string& message) override { Add(line, message); }

 private:
  void Add(int line, const std::string& message) {
    problems_->push_back({file_, line < 0 ? 0 : line + 1, Problem::kError, Explain(message)});
  }
  const std::string& file_;
  std::vector<Problem>* problems_;
};

}  // namespace

std::string Problem::ToString() const {
  return file + ":" + (line > 0 ? std::to_string(line) + ":" : "") + (severity == kWarning ? " warning: " : " ") + text;
}

TextFormat::ParseLocation Node::Find(std::string_view field, int index) const {
  const FieldDescriptor* descriptor = type_->FindFieldByName(std::string(field));
  if (tree_ == nullptr || descriptor == nullptr) return {};
  return tree_->GetLocation(descriptor, descriptor->is_repeated() ? index : -1);
}

int Node::LineOf(std::string_view field, int index) const {
  const TextFormat::ParseLocation location = Find(field, index);
  return location.line < 0 ? line_ : location.line + 1;
}

bool Node::Has(std::string_view field) const { return Find(field, 0).line >= 0; }

Node Node::Child(std::string_view field, int index) const {
  const FieldDescriptor* descriptor = type_->FindFieldByName(std::string(field));
  const bool there = Find(field, index).line >= 0;
  return Node(descriptor->message_type(),
              there ? tree_->GetTreeForNested(descriptor, descriptor->is_repeated() ? index : -1) : nullptr,
              LineOf(field, index));
}

absl::StatusOr<PipelineFile> PipelineFile::Load(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    const std::string why = "cannot read the pipeline " + path + ": " + std::strerror(errno);
    return errno == EACCES ? absl::PermissionDeniedError(why)
                           : absl::NotFoundError(why + "; give the path of a pipeline file");
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(path + " is a folder; give the path of a pipeline file");
  }
  if (info.st_size > kFileBytesMax) {
    return absl::InvalidArgumentError(path + " is too large for a pipeline (over 4 MiB); is it data?");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in) return absl::PermissionDeniedError("cannot read the pipeline " + path + ": " + std::strerror(errno));
  return Parse(path, text);
}

PipelineFile PipelineFile::Parse(std::string name, std::string_view text) {
  PipelineFile file;
  file.name_ = std::move(name);
  file.pipeline_ = std::make_unique<Pipeline>();
  file.tree_ = std::make_unique<TextFormat::ParseInfoTree>();
  Collector collector(file.name_, &file.problems_);
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(file.tree_.get());
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(kNestingMax);
  file.complete_ = parser.ParseFromString(std::string(text), file.pipeline_.get());
  return file;
}

std::string PipelineFile::base_dir() const {
  const std::string folder = std::filesystem::path(name_).parent_path().string();
  return folder.empty() ? "." : folder;
}

Node PipelineFile::Root() const { return Node(Pipeline::descriptor(), tree_.get(), 1); }

}  // namespace millrace::stages
