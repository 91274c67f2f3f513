#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bus/digest.h"
#include "ops/dead_letters.h"
#include "ops/json_writer.h"
#include "ops/operator.h"
#include "ops/operator_commands.h"
#include "ops/outcomes.h"
#include "ops/redriver.h"
#include "ops/run_folder.h"
#include "ops/text.h"
#include "ops/topology_report.h"
#include "stages/pipeline_config.h"
#include "stages/spool_path.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

enum class Verb { kList, kShow, kRedrive, kPurge };

struct DlqArguments {
  OperatorArguments common;
  std::vector<std::string> topics;
  DeadLetterFilter filter;
  uint64_t limit = 0;
  bool execute = false;
  double rate = 0;
  std::string out;
};

// Thrown out of Read in the guise of a status: enough has been taken.
constexpr char kEnough[] = "enough";

class DlqCommand {
 public:
  DlqCommand(const Program& program, Verb verb, const DlqArguments& arguments)
      : op_(program, "dlq", arguments.common), verb_(verb), arguments_(arguments) {}

  ExitCode Run() {
    if (ExitCode code = op_.Open(); code != kWell) return code;
    if (ExitCode code = Choose(); code != kWell) return code;
    if (verb_ == Verb::kRedrive && arguments_.execute) {
      if (ExitCode code = OpenRedriver(); code != kWell) return code;
    }
    for (const bus::TopicSpec& topic : topics_) {
      if (absl::Status s = Handle(topic); !s.ok()) {
        Tell();
        return op_.Fail(s);
      }
    }
    Tell();
    const bool left = !skipped_.empty() || (redriver_ != nullptr && !redriver_->refused().empty());
    const bool nothing_found = verb_ == Verb::kShow && groups_.count() == 0;
    return left || nothing_found ? kPromiseBroken : kWell;
  }

 private:
  bool removing() const { return arguments_.execute && (verb_ == Verb::kRedrive || verb_ == Verb::kPurge); }

  ExitCode Choose() {
    std::vector<std::string> known;
    const bus::Topology topology = stages::TopologyOf(op_.pipeline());
    for (size_t i = 0; i < topology.topics.size(); ++i) {
      const std::string& name = topology.topics[i].name;
      if (!op_.pipeline().topics[i].dead_letter) continue;
      known.push_back(name);
      if (arguments_.topics.empty() ||
          std::find(arguments_.topics.begin(), arguments_.topics.end(), name) != arguments_.topics.end())
        topics_.push_back(topology.topics[i]);
    }
    for (const std::string& name : arguments_.topics) {
      if (std::find(known.begin(), known.end(), name) == known.end())
        return op_.Fail(kUsage,
                        "the pipeline has no dead-letter topic \"" + name + "\"; " + stages::Suggest(name, known));
    }
    return kWell;
  }

  ExitCode OpenRedriver() {
    // Redriving into a topic that is not there would make it with nobody to read it.
    const bus::Topology topology = stages::TopologyOf(op_.pipeline());
    const auto items = op_.admin().Compare(topology, bus::Admin::Look::kTopology);
    if (!items.ok()) return op_.Fail(items.status());
    if (CountsOf(*items).missing + CountsOf(*items).refused > 0) {
      return op_.Fail(kUsage,
                      "the broker is not as the pipeline says; look with: " + op_.program().name + " topology plan");
    }
    if (absl::Status s = op_.bus().Apply(topology); !s.ok()) return op_.Fail(s);
    std::vector<std::string> inputs;
    for (const stages::StageSettings& stage : op_.pipeline().stages) {
      if (std::find(inputs.begin(), inputs.end(), stage.input) == inputs.end()) inputs.push_back(stage.input);
    }
    redriver_ = std::make_unique<Redriver>(op_.bus(), inputs, op_.clock(), arguments_.rate);
    if (absl::Status s = redriver_->Open(); !s.ok()) return op_.Fail(s);
    return kWell;
  }

  absl::Status Handle(const bus::TopicSpec& topic) {
    auto opened = op_.admin().OpenKept(topic);
    if (!opened.ok()) return opened.status();
    bus::KeptReader& reader = **opened;
    std::vector<uint64_t> purge;
    absl::Status status = reader.Read([&](const bus::KeptMessage& kept) { return Take(topic, reader, kept, &purge); });
    if (status.message() == kEnough) status = absl::OkStatus();
    if (const std::string hidden = reader.Hidden(); !hidden.empty()) hidden_.insert(hidden);
    if (redriver_ != nullptr && status.ok()) status = redriver_->Finish(reader);
    if (status.ok() && verb_ == Verb::kPurge && removing()) {
      status = reader.Remove(purge, "purged");
      if (status.ok()) {
        purged_ += purge.size();
        const auto freed = reader.Free(op_.pipeline().ledger_group);
        if (!freed.ok()) status = freed.status();
        freed_ += freed.value_or(0);
      }
    }
    status.Update(reader.Close());
    // A producer is closed by Finish: the next topic has one of its own.
    if (redriver_ != nullptr && status.ok() && &topic != &topics_.back()) {
      Keep();
      if (OpenRedriver() != kWell) return absl::UnavailableError("the producer cannot be opened again");
    }
    return status;
  }

  // What a redriver that is replaced has counted.
  void Keep() {
    redriven_ += redriver_->redriven();
    for (const auto& [why, count] : redriver_->refused()) skipped_[why] += count;
  }

  absl::Status Take(const bus::TopicSpec& topic, bus::KeptReader& reader, const bus::KeptMessage& kept,
                    std::vector<uint64_t>* purge) {
    const std::string place =
        topic.name + "/" + std::to_string(kept.partition) + "/" + (kept.offset < 0 ? "-" : std::to_string(kept.offset));
    const DeadLetter letter = ReadDeadLetter(kept.message, place);
    if (!arguments_.filter.Takes(letter)) return absl::OkStatus();
    if (arguments_.limit > 0 && groups_.count() >= arguments_.limit) return absl::CancelledError(kEnough);
    groups_.Add(topic.name, letter);
    switch (verb_) {
      case Verb::kList:
        return absl::OkStatus();
      case Verb::kShow:
        Show(kept.message, place);
        return absl::OkStatus();
      case Verb::kPurge:
        purge->push_back(kept.place);
        return absl::OkStatus();
      case Verb::kRedrive:
        return Redrive(reader, kept, letter);
    }
    return absl::OkStatus();
  }

  absl::Status Redrive(bus::KeptReader& reader, const bus::KeptMessage& kept, const DeadLetter& letter) {
    const auto& stages = op_.pipeline().stages;
    const auto stage = std::find_if(stages.begin(), stages.end(),
                                    [&](const stages::StageSettings& s) { return s.name == letter.stage; });
    if (stage == stages.end()) {
      ++skipped_[letter.stage.empty() ? "it names no stage (not a dead letter of Millrace)"
                                      : "the pipeline has no stage \"" + std::string(letter.stage) + "\""];
      return absl::OkStatus();
    }
    std::string body;
    if (!letter.cut.empty() && !WholeBody(letter, &body)) {
      ++skipped_["its body was cut, and the whole is not in --out DIR: name the folder that the stage ran with"];
      return absl::OkStatus();
    }
    ++targets_[stage->input];
    if (redriver_ == nullptr) return absl::OkStatus();
    std::string headers;
    const bus::Message message = RedrivenMessage(kept.message, letter, body, &headers);
    return redriver_->Add(reader, kept.place, stage->input, RedrivenPartition(message, letter, *stage), message);
  }

  // From the spool, where it is there and is the one that was cut: "<bytes> <digest>".
  bool WholeBody(const DeadLetter& letter, std::string* body) const {
    if (arguments_.out.empty()) return false;
    std::ifstream file(stages::SpoolPath(arguments_.out + RunFolder::kSpool, letter.id), std::ios::binary);
    body->assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    char digest[16];
    bus::WriteHex(bus::Digest64(*body), digest);
    return letter.cut == std::to_string(body->size()) + " " + std::string(digest, sizeof(digest));
  }

  void Show(const bus::Message& message, const std::string& place) {
    std::string line;
    AppendDeadLetter(message, place, "", &line);
    shown_.push_back(std::move(line));
  }

  void Tell() {
    if (redriver_ != nullptr) {
      Keep();
      redriver_.reset();
    }
    std::cout << (op_.json() ? AsJson() : AsText()) << std::flush;
  }

  std::string AsText() const {
    std::string text;
    if (verb_ == Verb::kShow) {
      for (const std::string& line : shown_) text += line + "\n";
      if (shown_.empty()) text += "no dead letter is as asked\n";
      return text + Notes();
    }
    std::vector<std::vector<std::string>> rows = {{"group", "count", "again", "stage", "topic", "reason", "ids"}};
    for (const DeadLetterGroup& group : groups_.Sorted()) {
      std::string ids;
      for (const std::string& id : group.ids) ids += (ids.empty() ? "" : " ") + Shortened(id, 40);
      if (group.count > group.ids.size()) ids += " …";
      rows.push_back({group.group, WithCommas(group.count), WithCommas(group.redriven), group.stage, group.topic,
                      Shortened(group.reason, 80), ids});
    }
    if (groups_.count() > 0) text += Table(rows, {0, 3, 4, 5, 6});
    text += WithCommas(groups_.count()) + " dead letters in " + std::to_string(rows.size() - 1) + " groups\n";
    return text + Outcome() + Notes();
  }

  std::string Outcome() const {
    std::string text;
    for (const auto& [topic, count] : targets_) {
      text += "  " + WithCommas(count) + " to topic " + topic;
      std::string readers;
      for (const stages::StageSettings& stage : op_.pipeline().stages) {
        if (stage.input == topic) readers += (readers.empty() ? "" : ", ") + stage.name;
      }
      text += ", read by " + readers + "\n";
    }
    if (verb_ == Verb::kRedrive && arguments_.execute)
      text += WithCommas(redriven_) + " redriven: confirmed by the broker, and taken out\n";
    if (verb_ == Verb::kPurge && arguments_.execute) {
      text += WithCommas(purged_) + " purged";
      text += freed_ > 0 ? ", " + WithCommas(freed_) + " records destroyed on the broker\n" : "\n";
    }
    for (const auto& [why, count] : skipped_) text += "  " + WithCommas(count) + " stay: " + why + "\n";
    if (verb_ != Verb::kList && !arguments_.execute) text += "a dry run: nothing was changed; say --execute to do it\n";
    return text;
  }

  std::string Notes() const {
    std::string text;
    for (const std::string& hidden : hidden_) text += hidden + "\n";
    return text;
  }

  std::string AsJson() const {
    std::string out;
    JsonWriter json(&out);
    json.Open('{').Key("bus").String(op_.printable_bus()).Key("dead_letters").Number(groups_.count());
    json.Key("groups").Open('[');
    for (const DeadLetterGroup& group : groups_.Sorted()) {
      json.Open('{').Key("group").String(group.group).Key("topic").String(group.topic);
      json.Key("stage").String(group.stage).Key("reason").String(group.reason).Key("count").Number(group.count);
      json.Key("redriven_before").Number(group.redriven).Key("ids").Open('[');
      for (const std::string& id : group.ids) json.String(id);
      json.Close(']').Close('}');
    }
    json.Close(']');
    if (verb_ == Verb::kRedrive || verb_ == Verb::kPurge) {
      json.Key("executed").Bool(arguments_.execute);
      if (verb_ == Verb::kRedrive) json.Key("redriven").Number(redriven_);
      if (verb_ == Verb::kPurge) json.Key("purged").Number(purged_).Key("destroyed").Number(freed_);
      json.Key("stay").Open('{');
      for (const auto& [why, count] : skipped_) json.Key(why).Number(count);
      json.Close('}');
    }
    json.Key("hidden").Open('[');
    for (const std::string& hidden : hidden_) json.String(hidden);
    json.Close(']').Close('}');
    out += "\n";
    if (verb_ != Verb::kShow) return out;
    std::string lines;
    for (const std::string& line : shown_) lines += line + "\n";
    return lines;
  }

  Operator op_;
  const Verb verb_;
  const DlqArguments& arguments_;
  std::vector<bus::TopicSpec> topics_;
  std::unique_ptr<Redriver> redriver_;
  DeadLetterGroups groups_;
  std::vector<std::string> shown_;
  std::map<std::string, uint64_t> targets_;
  std::map<std::string, uint64_t> skipped_;
  std::set<std::string> hidden_;
  uint64_t redriven_ = 0, purged_ = 0, freed_ = 0;
};

struct Described {
  Verb verb;
  const char* name;
  const char* about;
  const char* footer;
};

constexpr Described kVerbs[] = {
    {Verb::kList, "list", "Count dead letters by stage and reason",
     "Values that a reason quotes are masked, so that a thousand of a kind are one line; --group takes its number.\n"
     "Exit code: 0 listed, 2 usage, 3 environment."},
    {Verb::kShow, "show", "Print dead letters whole, a line of JSON each",
     "The same lines as DIR/dead_letters.jsonl of `run`.\n"
     "Exit code: 0 shown, 1 none is as asked, 2 usage, 3 environment."},
    {Verb::kRedrive, "redrive", "Give dead letters to their stage again",
     "Each goes to the topic that its stage reads, with its key, headers and id as they were and mr_redriven one "
     "higher; it is taken out of the dead letters when the broker has confirmed it. Order behind what was processed "
     "since is not restored. Other stages that read the same topic see it again under the same id.\n"
     "Exit code: 0 done, or shown, 1 some stay (the reasons are told), 2 usage, 3 environment."},
    {Verb::kPurge, "purge", "Throw dead letters away",
     "On Kafka records are destroyed as far as everything before them is purged or redriven, and `run` has collected "
     "it.\n"
     "Exit code: 0 done, or shown, 2 usage, 3 environment."},
};

}  // namespace

void AddDlqCommand(const Program& program, CLI::App& app, int* exit_code) {
  CLI::App* dlq = app.add_subcommand("dlq", "List, show, redrive and purge dead letters");
  dlq->require_subcommand(1);
  dlq->footer(
      "redrive and purge are dry runs unless --execute is said. One operator at a time: two would redrive the same.\n"
      "Example:\n  " +
      program.name + " dlq list orders.textproto --bus kafka://broker:9092\n  " + program.name +
      " dlq redrive orders.textproto --bus kafka://broker:9092 --group 3fa9c1d2 --rate 100 --execute");
  for (const Described& each : kVerbs) {
    auto arguments = std::make_shared<DlqArguments>();
    CLI::App* command = dlq->add_subcommand(each.name, each.about);
    AddOperatorOptions(program, *command, &arguments->common);
    command->add_option("--topic", arguments->topics, "Only this dead-letter topic; may be repeated")
        ->type_name("NAME");
    command->add_option("--stage", arguments->filter.stages, "Only of this stage; may be repeated")->type_name("NAME");
    command->add_option("--group", arguments->filter.groups, "Only of this group of `list`; may be repeated")
        ->type_name("GROUP");
    command->add_option("--reason", arguments->filter.reason, "Only where the reason has this in it")
        ->type_name("TEXT");
    command->add_option("--id", arguments->filter.ids, "Only this id; may be repeated")->type_name("ID");
    command->add_option("--limit", arguments->limit, "Not more than so many")->type_name("N");
    if (each.verb == Verb::kRedrive) {
      command->add_option("--rate", arguments->rate, "So many a second at most, default as fast as it goes")
          ->check(CLI::Range(0.001, 1e6) & CLI::Validator(IsANumber, "", ""))
          ->type_name("N");
      command
          ->add_option("--out", arguments->out,
                       "Folder that the stage ran with: bodies that did not fit their dead letter lie there")
          ->type_name("DIR");
    }
    if (each.verb == Verb::kRedrive || each.verb == Verb::kPurge)
      command->add_flag("--execute", arguments->execute, "Do it; without it only show what would be done");
    command->footer(each.footer);
    command->callback([&program, verb = each.verb, arguments, exit_code] {
      *exit_code = DlqCommand(program, verb, *arguments).Run();
    });
  }
}

}  // namespace millrace::ops
