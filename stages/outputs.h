// What a stage emits in one attempt. Each output becomes a message with a derived id, so that a replay after a crash
// gives the same messages again and is recognised downstream:
//
//   id     = hex(XXH3-128(source \0 id \0 stage \0 emit name, or its index in the attempt))
//   digest = hex(XXH3-64 over type, key, body): the same id with another digest is a stage that is not deterministic,
//   or a new version of it
//
// Threading: one attempt, one thread. Ownership: everything passed to Emit is copied.
#ifndef MILLRACE_STAGES_OUTPUTS_H_
#define MILLRACE_STAGES_OUTPUTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "bus/message.h"
#include "bus/segment.h"

namespace millrace::stages {

// One way out of a stage, resolved from the pipeline before anything runs.
struct OutputSpec {
  std::string name;        // as the stage calls it
  int32_t topic = 0;       // index into the producer's topics
  int32_t partitions = 1;  // of that topic
};

struct Emission {
  std::string_view to;  // an output's name; empty: the stage's first output
  // nullopt keeps the input's key, so that order per key holds along the pipeline.
  std::optional<std::string_view> key = std::nullopt;
  std::optional<std::string_view> body = std::nullopt;  // nullopt: a tombstone
  std::string_view type = {};                           // CloudEvents type, e.g. "millrace.property.Listing"
  std::string_view content_type = {};                   // e.g. "application/protobuf"
  std::string_view subject = {};
  bus::Headers headers = {};  // more headers, appended as they are
  // Tells apart outputs of one attempt whose number or order may change between tries; empty: the index counts. Unique
  // in the attempt.
  std::string_view name = {};
};

// One output, encoded. `message` views into the segment of the buffer it lies in.
struct EncodedOutput {
  int32_t topic = 0;
  int32_t partition = 0;
  bus::Message message;
};

// The memory behind outputs of many attempts: segments from a pool, kept until the outputs are confirmed.
class OutputArena {
 public:
  explicit OutputArena(bus::SegmentPool* pool) : pool_(pool) {}
  // `bytes` of memory that stays valid as long as the arena holds its segments.
  char* Take(size_t bytes);

  // Appends a reference to each segment that was written to since the last call. Until then the arena itself keeps
  // them.
  void TakeSegments(std::vector<bus::SegmentRef>* out);

 private:
  bus::SegmentPool* pool_;
  bus::SegmentRef current_;
  std::vector<bus::SegmentRef> full_;
};

// What is the same for all attempts of one stage on one thread.
struct OutputSettings {
  std::string stage;   // for derived ids
  std::string source;  // ce_source of what is emitted, e.g. "/property/parse"
  std::vector<OutputSpec> outputs;
  // Where a receipt goes when an attempt emits nothing; nullopt for sinks, which keep receipts themselves.
  std::optional<OutputSpec> receipts;
  size_t message_bytes_max = 1'000'000;
  size_t outputs_max = 10'000;  // per attempt
};

class Outputs {
 public:
  Outputs(const OutputSettings& settings, OutputArena& arena) : settings_(settings), arena_(arena) {}
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // Errors: NotFound for an output that the pipeline does not give this stage; InvalidArgument for a message over the
  // backend's limit or more outputs than the limit; AlreadyExists for a name used twice in an attempt. Return it from
  // Process.
  absl::Status Emit(const Emission& emission);

  // Ends the job here, with a reason for its receipt ("superseded", "dropped: not for sale"). Only without outputs.
  void Drop(std::string_view reason) { drop_reason_.assign(reason); }

  // ---- for the runtime

  // Begins an attempt. What is passed must stay valid until Finish.
  void Begin(const bus::Message& input, const bus::Envelope& envelope, std::string_view id);
  // Call after Process returned OK: completes headers and lineage, writes the receipt where nothing was emitted, and
  // moves the messages to `out` (cleared first). InvalidArgument when a message is over the limit.
  absl::Status Finish(std::vector<EncodedOutput>* out);

  // ---- for comparing two attempts of one message, before Finish

  // Begins an attempt of the same input as `like`, which is between Begin and Finish.
  void BeginAgain(const Outputs& like) { Begin(*like.input_, *like.envelope_, like.id_); }
  const OutputSettings& settings() const { return settings_; }
  size_t emitted() const { return drafts_.size(); }
  // With the output's name as the pipeline has it, and the input's key where none was given. Views live until the next
  // Begin.
  Emission Emitted(size_t index) const;
  std::string_view drop_reason() const { return drop_reason_; }

 private:
  struct Draft {
    size_t output;  // index into settings_.outputs; kReceipt
    std::optional<std::string_view> key, body;
    std::string_view type, content_type, subject, extra_headers, name;
  };
  static constexpr size_t kReceipt = SIZE_MAX;

  const OutputSpec* Resolve(size_t output) const;
  std::string_view Keep(std::string_view bytes);
  bus::Digest128 DerivedId(std::string_view name, size_t index);
  EncodedOutput Encode(const Draft& draft, size_t index, std::string_view share);

  const OutputSettings& settings_;
  OutputArena& arena_;
  const bus::Message* input_ = nullptr;
  const bus::Envelope* envelope_ = nullptr;
  std::string_view id_;
  std::vector<Draft> drafts_;
  std::string scratch_;
  std::string drop_reason_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_OUTPUTS_H_
