#include "sim/report/sample.h"

#include <string>
#include <utility>

#include "sim/report/sample_builder.h"

namespace millrace::sim {

Sample CommitBeforePublish() {
  Sample sample;
  SetScene(sample, 2, 2);
  sample.plan.faults = {{.id = 5,
                         .kind = "crash",
                         .trigger = {.kind = TriggerKind::kAtJob, .job = 7, .action = ActionKind::kPublish},
                         .target = -1,
                         .duration_ns = 500'000'000}};
  SampleBuilder b(sample);
  const uint32_t job_3 = b.AddJob(3, "parcel-110"), job_7 = b.AddJob(7, "parcel-110"),
                 job_12 = b.AddJob(12, "parcel-204");
  const uint32_t parsed_3 = b.AddDerived(job_3, 1, 0), parsed_7 = b.AddDerived(job_7, 1, 0);
  const uint32_t parsed_12 = b.AddDerived(job_12, 1, 0);

  b.Add(0, Life(Kind::kStart, 0, 0));
  b.Add(0, Life(Kind::kStart, 1, 0));
  b.Add(3'200, {.kind = Kind::kMoved, .stage = 0, .value = 1});
  b.Add(3'250, {.kind = Kind::kMoved, .stage = 1, .value = 1});
  Hands(b, 4'100, Kind::kAssigned, {.process = 0, .partition = 0}, 0, 0);
  Hands(b, 4'300, Kind::kAssigned, {.process = 1, .partition = 1}, 0, 0);

  Feed(b, 10'000, job_3, 0, 0);
  Parse(b, 12'400, {.process = 0}, job_3, parsed_3, 1, 0);
  Store(b, 16'100, {.process = 0, .stage = 1, .topic = 1}, parsed_3);

  Feed(b, 20'000, job_7, 0, 1);
  const Spot spot = {.process = 0, .offset = 1};
  b.Add(22'300, spot.Of(Kind::kDelivered, job_7));
  Record record = spot.Of(Kind::kDispatch, job_7);
  record.attempt = 1;
  b.Add(22'400, record);
  record.kind = Kind::kAttempt;
  record.count = 1;
  b.Add(24'600, record);
  b.Add(24'600, {.kind = Kind::kOutput, .process = 0, .stage = 0, .message = parsed_7, .value = job_7});
  b.Add(24'600, spot.Of(Kind::kSettle, job_7));  // the bug: nothing has been published
  b.Add(24'600, spot.Commit());
  b.Add(24'610, {.kind = Kind::kPublish, .process = 0, .stage = 0, .message = parsed_7, .value = 9});
  b.Add(24'610, {.kind = Kind::kFault, .flags = kInFlight, .value = 0});
  b.Add(24'610, Life(Kind::kCrash, 0, 0));
  b.Add(25'700, spot.Committed());

  Feed(b, 30'000, job_12, 1, 0);
  Parse(b, 32'300, {.process = 1, .partition = 1}, job_12, parsed_12, 1, 0);
  Store(b, 36'400, {.process = 1, .stage = 1, .topic = 1, .partition = 1}, parsed_12);

  b.Add(524'610, Life(Kind::kStart, 0, 1));
  b.Add(524'610, {.kind = Kind::kHealed, .value = 0});
  Hands(b, 1'012'000, Kind::kRevoking, {.process = 1, .partition = 1}, 0, 0);
  Hands(b, 1'012'300, Kind::kReleased, {.process = 1, .partition = 1}, 0, 0);
  b.Add(6'003'000, {.kind = Kind::kMoved, .stage = 0, .value = 2});
  b.Add(6'003'050, {.kind = Kind::kMoved, .stage = 1, .value = 2});
  Hands(b, 6'004'200, Kind::kAssigned, {.process = 1, .partition = 0, .epoch = 2}, 2, 1);
  Hands(b, 6'004'900, Kind::kAssigned, {.process = 0, .incarnation = 1, .partition = 1}, 1, 1);
  b.Add(6'050'000, {.kind = Kind::kQuiet});
  b.Add(6'050'000, {.kind = Kind::kEnd});
  Sort(sample);

  Finding finding = {
      .promise = "no-loss",
      .signature = "accepted job without an end",
      .text =
          "job 7 (order-7) was accepted and is gone: it left no effect and no dead letter, and no message "
          "of it is waiting on the bus",
      .job = 1,
      .message = job_7};
  finding.evidence = {Find(sample, Kind::kAccepted, job_7), Find(sample, Kind::kCommit, kNoMessage, 0),
                      Find(sample, Kind::kPublish, parsed_7), Find(sample, Kind::kCrash, kNoMessage, 0),
                      Find(sample, Kind::kQuiet, kNoMessage)};
  // The second commit of raw/0 is the one; the first is of job 3.
  for (uint32_t i = 0; i < sample.history.records.size(); ++i) {
    const Record& r = sample.history.records[i];
    if (r.kind == Kind::kCommit && r.topic == 0 && r.partition == 0 && r.sequence == 2) finding.evidence[1] = i;
  }
  sample.findings = {std::move(finding)};
  return sample;
}

Sample Hostile() {
  Sample sample = CommitBeforePublish();
  const std::string evil =
      "</script><script>alert(1)</script><!-- \"quoted\" 'single' \\ &amp; \x01\x1b[31m\xff\xc3(\xed\xa0\x80";
  History& history = sample.history;
  for (std::string& key : history.keys) key = evil;
  for (JobInfo& job : history.jobs) job.name = evil;
  for (MessageInfo& message : history.messages) message.share = message.reason = evil;
  history.topology.stages[0].name = history.topology.topics[0].name = history.topology.ports[0] = evil;
  history.texts.push_back(evil);
  sample.plan.faults[0].kind = evil;
  sample.findings[0].text = evil;
  // Indices that lead nowhere.
  history.records.push_back({.at_ns = history.records.back().at_ns,
                             .kind = Kind::kTrouble,
                             .process = 9,
                             .stage = 77,
                             .topic = 78,
                             .message = 79,
                             .text = 80,
                             .sequence = UINT64_MAX,
                             .value = UINT64_MAX});
  history.records.push_back({.at_ns = history.records.back().at_ns, .kind = Kind::kStuck, .text = 1});
  return sample;
}

Sample BusyRun(uint32_t records) {
  Sample sample;
  SetScene(sample, 4, 4);
  sample.plan.faults = {
      {.id = 1, .kind = "cut-network", .trigger = {.at_ns = 60'000'000}, .target = 2, .duration_ns = 90'000'000},
      {.id = 4, .kind = "crash", .trigger = {.at_ns = 0}, .target = 1},
      {.id = 9, .kind = "pause", .trigger = {.at_ns = 300'000'000}, .target = 3, .duration_ns = 40'000'000}};
  SampleBuilder b(sample);
  for (uint16_t p = 0; p < 4; ++p) {
    b.Add(0, Life(Kind::kStart, p, 0));
    Hands(b, 4'000 + p * 100, Kind::kAssigned, {.process = p, .partition = p}, 0, 0);
  }
  const uint32_t jobs = records / 20 + 1;
  const uint32_t guilty = jobs / 2;
  uint32_t guilty_message = 0;
  for (uint32_t i = 0; i < jobs; ++i) {
    const auto partition = static_cast<uint16_t>(i % 4);
    const int64_t at = 10'000 + int64_t{i} * 1'700 + (i % 7) * 300;
    const uint64_t offset = i / 4;
    const uint32_t in = b.AddJob(i * 3 + 1, "parcel-" + std::to_string(i % 50));
    const uint32_t out = b.AddDerived(in, 1, 0);
    const uint16_t life = partition == guilty % 4 && i > guilty ? 1 : 0;
    Feed(b, at, in, partition, offset);
    const Spot spot = {.process = partition, .incarnation = life, .partition = partition, .offset = offset};
    if (i == guilty) {
      guilty_message = in;
      b.Add(at + 2'400, spot.Of(Kind::kDelivered, in));
      b.Add(at + 2'500, spot.Of(Kind::kDispatch, in));
      b.Add(at + 2'600, spot.Commit());
      b.Add(at + 2'700, spot.Of(Kind::kPublish, out));
      b.Add(at + 3'500, spot.Committed());
      continue;
    }
    Parse(b, at + 2'400, spot, in, out, 1, offset);
    Store(b, at + 6'900,
          {.process = partition, .incarnation = life, .stage = 1, .topic = 1, .partition = partition, .offset = offset},
          out);
  }
  const int64_t lost_at = 10'000 + int64_t{guilty} * 1'700 + (guilty % 7) * 300;
  const auto victim = static_cast<uint16_t>(guilty % 4);
  b.Add(60'000, {.kind = Kind::kFault, .flags = kInFlight, .value = 0});
  b.Add(150'000, {.kind = Kind::kHealed, .value = 0});
  b.Add(lost_at + 2'750, {.kind = Kind::kFault, .flags = kInFlight, .value = 1});
  b.Add(lost_at + 2'750, Life(Kind::kCrash, victim, 0));
  b.Add(lost_at + 30'000, Life(Kind::kStart, victim, 1));
  b.Add(300'000, {.kind = Kind::kFault, .flags = kInFlight, .value = 2});
  Record paused = Life(Kind::kPaused, 3, 0);
  paused.value = 40'000'000;
  b.Add(300'000, paused);
  b.Add(340'000, Life(Kind::kResumed, 3, 0));
  b.Add(340'000, {.kind = Kind::kHealed, .value = 2});
  const int64_t end = 10'000 + int64_t{jobs} * 1'700 + 2'000'000;
  b.Add(end, {.kind = Kind::kQuiet});
  b.Add(end, {.kind = Kind::kEnd});
  Sort(sample);
  sample.findings = {
      {.promise = "no-loss",
       .signature = "accepted job without an end",
       .text = "job " + std::to_string(guilty * 3 + 1) + " was accepted and is gone",
       .job = guilty,
       .message = guilty_message,
       .evidence = {Find(sample, Kind::kAccepted, guilty_message), Find(sample, Kind::kCrash, kNoMessage)}}};
  return sample;
}

}  // namespace millrace::sim
