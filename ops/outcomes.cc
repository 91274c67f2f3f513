#include "ops/outcomes.h"

#include <simdjson.h>

#include <array>
#include <utility>

#include "bus/envelope.h"
#include "ops/json_writer.h"
#include "ops/line_file.h"
#include "ops/reason.h"
#include "stages/dead_letter.h"
#include "stages/receipts.h"

namespace millrace::ops {
namespace {

void AddIfAny(JsonWriter& json, std::string_view key, std::string_view value) {
  if (!value.empty()) json.Bytes(key, value);
}

void AddHistory(JsonWriter& json, std::string_view history) {
  if (history.empty()) return;
  json.Key("history").Open('[');
  while (!history.empty()) {
    const size_t end = std::min(history.find('\n'), history.size());
    if (end > 0) json.String(history.substr(0, end));
    history.remove_prefix(std::min(end + 1, history.size()));
  }
  json.Close(']');
}

void AddHeaders(JsonWriter& json, bus::Headers headers) {
  json.Key("headers").Open('[');
  for (const bus::Header& header : headers) {
    if (header.name.substr(0, 8) == "mr_dead_") continue;  // they have names of their own in the line
    json.Open('[').String(header.name);
    if (!header.value.has_value()) {
      json.Null();
    } else if (IsUtf8(*header.value)) {
      json.String(*header.value);
    } else {
      json.Open('{').Key("base64").String(Base64(*header.value)).Close('}');
    }
    json.Close(']');
  }
  json.Close(']');
}

std::string_view HeaderOr(bus::Headers headers, std::string_view name, std::string_view otherwise) {
  return headers.Find(name).value_or(otherwise);
}

// Undoes Base64; nothing where it is none.
std::string Decode(std::string_view text) {
  static const auto kValues = [] {
    std::array<int8_t, 256> values;
    values.fill(-1);
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < digits.size(); ++i) values[static_cast<unsigned char>(digits[i])] = static_cast<int8_t>(i);
    return values;
  }();
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

// The strings of one line; decoded ones are kept in `decoded`.
class LineReader {
 public:
  explicit LineReader(simdjson::dom::object object) : object_(object) {}

  std::string_view Get(const char* key, std::string* decoded) {
    std::string_view value;
    if (object_[key].get(value) == simdjson::SUCCESS) return value;
    if (object_[std::string(key) + "_base64"].get(value) != simdjson::SUCCESS) return {};
    *decoded = Decode(value);
    return *decoded;
  }

 private:
  simdjson::dom::object object_;
};

}  // namespace

void AppendDeadLetter(const bus::Message& message, std::string_view place, std::string_view branch, std::string* line) {
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  const std::string_view id = HeaderOr(message.headers, stages::kDeadId, envelope.id.empty() ? place : envelope.id);
  const std::string_view status = HeaderOr(message.headers, stages::kDeadReason, "");
  JsonWriter json(line);
  json.Open('{').Bytes("id", id).Bytes("root", envelope.root.empty() ? id : envelope.root);
  AddIfAny(json, "share", std::string(envelope.share).append(branch));
  AddIfAny(json, "stage", HeaderOr(message.headers, stages::kDeadStage, ""));
  AddIfAny(json, "field", SplitReason(status).field);
  json.Bytes("reason", status);
  AddIfAny(json, "attempts", HeaderOr(message.headers, stages::kDeadAttempts, ""));
  AddIfAny(json, "source", HeaderOr(message.headers, stages::kDeadSource, ""));
  AddHistory(json, HeaderOr(message.headers, stages::kDeadHistory, ""));
  AddIfAny(json, "digest", envelope.digest);
  AddIfAny(json, "cut", HeaderOr(message.headers, stages::kDeadCut, ""));
  if (message.key.has_value()) json.Bytes("key", *message.key);
  AddHeaders(json, message.headers);
  if (message.body.has_value()) json.Bytes("body", *message.body);
  json.Close('}');
}

void AppendReceipt(const bus::Message& message, std::string_view place, std::string* line) {
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  const std::string_view id = envelope.subject.empty() ? place : envelope.subject;
  JsonWriter json(line);
  json.Open('{').Bytes("id", id).Bytes("root", envelope.root.empty() ? id : envelope.root);
  AddIfAny(json, "share", envelope.share);
  AddIfAny(json, "stage", envelope.source);
  AddIfAny(json, "reason", message.body.value_or(""));
  AddIfAny(json, "digest", envelope.digest);
  json.Close('}');
}

void AppendDestroyed(const bus::Message& message, std::string_view place, std::string_view group,
                     std::string_view branch, std::string* line) {
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  const std::string_view id = envelope.id.empty() ? place : envelope.id;
  JsonWriter json(line);
  json.Open('{').Bytes("id", id).Bytes("root", envelope.root.empty() ? id : envelope.root);
  AddIfAny(json, "share", std::string(envelope.share).append(branch));
  json.Bytes("stage", group).Bytes("reason", std::string("destroyed by the bus at ").append(place));
  AddIfAny(json, "digest", envelope.digest);
  json.Close('}');
}

absl::Status ReadOutcomes(const std::string& path, const std::function<void(const Outcome&)>& callback) {
  simdjson::dom::parser parser;
  std::string scratch[7];
  uint64_t number = 0;
  return ReadLines(path, [&](std::string_view line) -> absl::Status {
    ++number;
    simdjson::dom::object object;
    if (parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS) {
      return absl::DataLossError(
          path + ":" + std::to_string(number) +
          ": not a line that millrace wrote; was the file edited? Restore it, or start with another --out");
    }
    LineReader reader(object);
    Outcome outcome;
    outcome.id = reader.Get("id", &scratch[0]);
    outcome.root = reader.Get("root", &scratch[1]);
    outcome.share = reader.Get("share", &scratch[2]);
    outcome.digest = reader.Get("digest", &scratch[3]);
    outcome.stage = reader.Get("stage", &scratch[4]);
    outcome.field = reader.Get("field", &scratch[5]);
    outcome.reason = reader.Get("reason", &scratch[6]);
    callback(outcome);
    return absl::OkStatus();
  });
}

}  // namespace millrace::ops
