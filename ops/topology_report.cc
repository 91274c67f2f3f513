#include "ops/topology_report.h"

#include "ops/json_writer.h"

namespace millrace::ops {
namespace {

using Item = bus::TopologyItem;

const char* NameOf(Item::State state) {
  switch (state) {
    case Item::State::kSame:
      return "same";
    case Item::State::kMissing:
      return "missing";
    case Item::State::kDiffers:
      return "differs";
    case Item::State::kRefused:
      return "refused";
  }
  return "";
}

char SignOf(Item::State state) { return " +~!"[static_cast<int>(state)]; }

}  // namespace

TopologyCounts CountsOf(const std::vector<Item>& items) {
  TopologyCounts counts;
  for (const Item& item : items) {
    switch (item.state) {
      case Item::State::kSame:
        ++counts.same;
        break;
      case Item::State::kMissing:
        ++counts.missing;
        break;
      case Item::State::kDiffers:
        ++counts.differs;
        break;
      case Item::State::kRefused:
        ++counts.refused;
        break;
    }
  }
  return counts;
}

std::string TopologyAsText(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items) {
    text += std::string("  ") + SignOf(item.state) + " " + item.what;
    for (size_t i = 0; i < item.fields.size(); ++i) {
      const Item::Field& field = item.fields[i];
      text += (i == 0 ? ": " : ", ") + field.name + " ";
      text += item.state == Item::State::kMissing ? field.want : field.have + " (wanted " + field.want + ")";
    }
    text += "\n";
    if (!item.advice.empty()) text += "      " + item.advice + "\n";
  }
  const TopologyCounts counts = CountsOf(items);
  text += std::to_string(counts.same) + " as they should be, " + std::to_string(counts.missing) + " missing (+), " +
          std::to_string(counts.differs) + " different (~), " + std::to_string(counts.refused) + " refused (!)\n";
  return text;
}

std::string TopologyAsJson(const std::vector<Item>& items) {
  const TopologyCounts counts = CountsOf(items);
  std::string out;
  JsonWriter json(&out);
  json.Open('{').Key("same").Number(counts.same).Key("missing").Number(counts.missing);
  json.Key("differs").Number(counts.differs).Key("refused").Number(counts.refused).Key("items").Open('[');
  for (const Item& item : items) {
    json.Open('{').Key("topic").String(item.topic).Key("what").String(item.what);
    json.Key("state").String(NameOf(item.state)).Key("fields").Open('[');
    for (const Item::Field& field : item.fields) {
      json.Open('{').Key("name").String(field.name);
      if (item.state != Item::State::kMissing) json.Key("have").String(field.have);
      json.Key("want").String(field.want).Close('}');
    }
    json.Close(']');
    if (!item.advice.empty()) json.Key("advice").String(item.advice);
    json.Close('}');
  }
  json.Close(']').Close('}');
  return out + "\n";
}

std::string DifferenceOf(const Item& item) {
  std::string text = item.what;
  for (size_t i = 0; i < item.fields.size(); ++i) {
    const Item::Field& field = item.fields[i];
    text += (i == 0 ? ": " : ", ") + field.name + " is " + field.have + ", wanted " + field.want;
  }
  return text + (item.advice.empty() ? "" : "; " + item.advice);
}

absl::Status ReadyToWork(const std::vector<Item>& items, std::vector<std::string>* warnings) {
  std::string refused;
  for (const Item& item : items) {
    if (item.state == Item::State::kDiffers) warnings->push_back(DifferenceOf(item));
    if (item.state == Item::State::kRefused) refused += (refused.empty() ? "" : "\n  ") + DifferenceOf(item);
  }
  return refused.empty() ? absl::OkStatus() : absl::FailedPreconditionError(refused);
}

}  // namespace millrace::ops
