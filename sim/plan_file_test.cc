#include "sim/plan_file.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/duration_text.h"
#include "sim/testing/example_topology.h"

namespace millrace::sim {
namespace {

// As it was written when version 1 was new. It must read for ever.
constexpr char kVersion1[] = R"(# A plan of Millrace's simulator. Run it again with
#   <pipeline> sim --plan=<this file>
version: 1
note: "two owners of \"raw\" – zombie"
expect { promise: "no-loss" signature: "settled before durable" }
seed: 18446744073709551615
salt: 0x9d5c1fb0a4e01c77
inputs_digest: 0xff
semantics: "queue"
layout: "apart"
cooperative: true
static_members: true
processes: 3
prefetch: 16
timing { latency_min: "1us" latency_max: "1ms" service_min: "2us" service_max: "2ms" port_min: "3us" port_max: "3ms" session_timeout: "10s" heartbeat: "2s" revoke_timeout: "4s" max_poll_interval: "30s" linger: "20ms" restart: "1500us" }
limits { time: "60s" records: 1000 }
fault { id: 1 kind: "crash" at: "1500001ns" target: 2 duration: "250ms" amount: 1 }
fault { id: 2 kind: "pause" after_action { process: 1 count: 17 } duration: "7s" }
fault { id: 5 kind: "net-reset" at_job { job: 9 action: "settle" count: 2 } }
fault { id: 6 kind: "net-partition" in_port { count: 3 after: true } target: -2 part: 1 duration: "1s" }
fault { id: 7 kind: "wall-jump" at: "0s" target: 0 amount: -3600000000000 }
job { id: 3 input: 17 }
job { id: 9 input: 4 at: "2ms" }
)";

Plan Version1() {
  Plan plan;
  plan.version = 1;
  plan.seed = UINT64_MAX;
  plan.salt = 0x9d5c1fb0a4e01c77;
  plan.inputs_digest = 255;
  plan.semantics = Semantics::kQueue;
  plan.layout = Layout::kApart;
  plan.cooperative = plan.static_members = true;
  plan.processes = 3;
  plan.prefetch = 16;
  plan.timing = {.latency_min_ns = 1'000,
                 .latency_max_ns = 1'000'000,
                 .service_min_ns = 2'000,
                 .service_max_ns = 2'000'000,
                 .port_min_ns = 3'000,
                 .port_max_ns = 3'000'000,
                 .session_timeout_ns = 10'000'000'000,
                 .heartbeat_ns = 2'000'000'000,
                 .revoke_timeout_ns = 4'000'000'000,
                 .max_poll_interval_ns = 30'000'000'000,
                 .linger_ns = 20'000'000,
                 .restart_ns = 1'500'000};
  plan.limits = {.time_ns = 60'000'000'000, .records = 1000};
  plan.faults = {
      {.id = 1, .kind = "crash", .trigger = {.at_ns = 1'500'001}, .target = 2, .duration_ns = 250'000'000, .amount = 1},
      {.id = 2,
       .kind = "pause",
       .trigger = {.kind = TriggerKind::kAfterAction, .process = 1, .count = 17},
       .duration_ns = 7'000'000'000},
      {.id = 5,
       .kind = "net-reset",
       .trigger = {.kind = TriggerKind::kAtJob, .job = 9, .action = ActionKind::kSettle, .count = 2}},
      {.id = 6,
       .kind = "net-partition",
       .trigger = {.kind = TriggerKind::kInPort, .count = 3, .after = true},
       .target = -2,
       .part = 1,
       .duration_ns = 1'000'000'000},
      {.id = 7, .kind = "wall-jump", .target = 0, .amount = -3'600'000'000'000},
  };
  plan.jobs = {{.id = 3, .input = 17}, {.id = 9, .input = 4, .at_ns = 2'000'000}};
  return plan;
}

// What is wrong with a version-1 plan that has these lines more.
std::string Wrong(const std::string& lines, const ReadPlanOptions& options = {}) {
  const absl::StatusOr<PlanFile> file = ReadPlanFile("p.plan", "version: 1\n" + lines, options);
  return file.ok() ? "" : std::string(file.status().message());
}

TEST(PlanFileTest, VersionOneStillReads) {
  const absl::StatusOr<PlanFile> file = ReadPlanFile("a.plan", kVersion1);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->plan, Version1());
  EXPECT_EQ(file->promise, "no-loss");
  EXPECT_EQ(file->signature, "settled before durable");
  EXPECT_EQ(file->note, "two owners of \"raw\" – zombie");
  EXPECT_EQ(file->lines.faults, (std::vector<int>{17, 18, 19, 20, 21}));
  EXPECT_EQ(file->lines.jobs, (std::vector<int>{22, 23}));
}

TEST(PlanFileTest, WritesThatText) {
  const PlanFile file = {.plan = Version1(),
                         .promise = "no-loss",
                         .signature = "settled before durable",
                         .note = "two owners of \"raw\" – zombie"};
  EXPECT_EQ(WritePlanFile(file), kVersion1);
}

TEST(PlanFileTest, WritesNoDefaults) {
  EXPECT_EQ(WritePlanFile({}, {.replay = "orders sim --plan=x.plan"}),
            "# A plan of Millrace's simulator. Run it again with\n"
            "#   orders sim --plan=x.plan\n"
            "# It was written by hand, or shrunk.\n"
            "version: 1\n");
  EXPECT_EQ(ReadPlanFile("a", "version: 1")->plan, Plan());
}

TEST(PlanFileTest, ANoteMayHoldAnything) {
  const std::string note = "line\nquote\" back\\ tab\t \x01 ü";
  const absl::StatusOr<PlanFile> file = ReadPlanFile("a", WritePlanFile({.note = note}));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->note, note);
}

TEST(PlanFileTest, SaysWhatMustStrike) {
  PlanFile file = {.plan = Version1()};
  file.fires = {"crash", "net-reset"};
  const std::string text = WritePlanFile(file);
  EXPECT_NE(text.find("\nfires: [\"crash\", \"net-reset\"]\n"), std::string::npos) << text;
  EXPECT_EQ(ReadPlanFile("a", text)->fires, file.fires);
  EXPECT_TRUE(ReadPlanFile("a", kVersion1)->fires.empty()) << "not known";
  EXPECT_EQ(Wrong("fires: \"crahs\""), "p.plan:2: fires: there is no fault \"crahs\"; did you mean \"crash\"?");
  EXPECT_EQ(Wrong("fires: \"crash\""), "p.plan:2: fires: the plan has no fault \"crash\"; take it out");
  EXPECT_EQ(Wrong("fires: [\"crash\", \"crash\"]\nfault { id: 1 kind: \"crash\" at: \"1s\" target: 0 }"),
            "p.plan:2: fires: \"crash\" is there more often than the plan has such faults (1); take one out");
}

TEST(PlanFileTest, RenewingTouchesNothingElse) {
  const std::string head = "# Why it is kept.\nversion: 1\nexpect { promise: \"no-loss\" }\n";
  const std::string tail = "# The fault.\nfault { id: 1 kind: \"crash\" at: \"1ms\" target: 0 }";
  EXPECT_EQ(*WithFires("p", head + tail, {"crash"}), head + "fires: [\"crash\"]\n" + tail + "\n");
  EXPECT_EQ(*WithFires("p", head + "fires: \"crash\"\n" + tail + "\n", {}), head + tail + "\n");
  EXPECT_EQ(*WithFires("p", "version: 1\n" + tail, {"crash"}), "version: 1\n" + tail + "\nfires: [\"crash\"]\n");
  EXPECT_EQ(WithFires("p", "version: 1 fires: \"crash\"\n" + tail, {}).status().message(),
            "p: its fires stand where they cannot be replaced; write none by hand");
}

TEST(PlanFileTest, NamesLineAndRemedy) {
  EXPECT_EQ(Wrong("\nfault { id: 1 kind: \"crahs\" at: \"0\" }"),
            "p.plan:3: fault 1 (crahs): there is no fault \"crahs\"; did you mean \"crash\"?");
  EXPECT_EQ(Wrong("job { id: 1 at: \"-5ms\" }"),
            "p.plan:2: job 1: the time is negative; times count from the start of the run");
  EXPECT_EQ(Wrong("fault { id: 1 kind: \"pause\" at: \"1s\" duration: \"-1s\" }"),
            "p.plan:2: fault 1 (pause): the duration is negative; leave it out for none");
  EXPECT_EQ(Wrong("job { id: 1\n at: \"5 minutes\" }"),
            "p.plan:3: \"5 minutes\" is no duration; write a whole number and s, ms, us or ns, as in \"250ms\"");
  EXPECT_EQ(Wrong("fault { id: 1 kind: \"crash\"\n at_job { job: 4 action: \"settel\" } }"),
            "p.plan:3: \"settel\" is no action; did you mean \"settle\"?");
  EXPECT_EQ(Wrong("semantics: \"logs\""), "p.plan:2: \"logs\" is no semantics; did you mean \"log\"?");
  EXPECT_EQ(Wrong("layout: \"apar\""), "p.plan:2: \"apar\" is no layout; did you mean \"apart\"?");
  EXPECT_EQ(Wrong("job { id: 3 }\njob { id: 3 }"), "p.plan:3: job 3: ids must ascend; the job before it has 3");
  EXPECT_EQ(
      Wrong("timing {\n heartbeat: \"60s\" }"),
      "p.plan:2: timing: heartbeat: sessions would end between two heartbeats; make it a third of session_timeout");
  EXPECT_EQ(Wrong("limits { time: \"0\" }"), "p.plan:2: limits: time: a run needs time; leave it out for the default");
  EXPECT_EQ(Wrong("processes: 0"), "p.plan: processes: it must be 1 to 1000");
  EXPECT_EQ(Wrong("prosesses: 2"), "p.plan:2: there is no field \"prosesses\" in a Plan; did you mean \"processes\"?");
  EXPECT_EQ(Wrong("job { id: 1 imput: 3 }"), "p.plan:2: there is no field \"imput\" in a Job; did you mean \"input\"?");
  EXPECT_EQ(Wrong("seed: 1\nseed: 2"), "p.plan:3: the field \"seed\" is there twice; remove one");
  EXPECT_TRUE(Wrong("job { id: 1").starts_with("p.plan:2: the text is not well formed")) << Wrong("job { id: 1");
}

TEST(PlanFileTest, ATriggerIsOneThingThatCanHappen) {
  EXPECT_EQ(Wrong("fault { id: 1 kind: \"crash\" }"),
            "p.plan:2: the fault has no trigger; give one of at, after_action, at_job, in_port");
  EXPECT_EQ(Wrong("fault { id: 1 kind: \"crash\" at: \"1s\" in_port { count: 1 } }"),
            "p.plan:2: a fault has one trigger: give one of at, after_action, at_job, in_port");
  EXPECT_EQ(Wrong("fault { id: 1 kind: \"crash\" after_action { process: 0 count: 0 } }"),
            "p.plan:2: fault 1 (crash): the count is 0; actions are counted from 1");
  EXPECT_EQ(Wrong("fault { id: 1 kind: \"crash\" at_job { job: 4 } }"),
            "p.plan:2: fault 1 (crash): there is no job 4 in this plan; name one of its jobs, or take the fault out");
  EXPECT_EQ(Wrong("job { id: 4 } fault { id: 1 kind: \"crash\" at_job { job: 4 action: \"leave\" } }"),
            "p.plan:2: fault 1 (crash): the action leave concerns no job; use after_action");
}

TEST(PlanFileTest, SaysSeveralThingsAtOnceAndNotThousands) {
  const std::string two = Wrong("job { id: 1 at: \"x\" }\njob { id: 2 at: \"y\" }");
  EXPECT_NE(two.find("p.plan:2:"), std::string::npos);
  EXPECT_NE(two.find("\np.plan:3:"), std::string::npos);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "job { id: " + std::to_string(i) + " at: \"x\" }\n";
  EXPECT_TRUE(Wrong(many).ends_with("\n… and 80 more"));
}

TEST(PlanFileTest, NewerVersionsAreToldAsSuch) {
  const absl::StatusOr<PlanFile> newer = ReadPlanFile("p.plan", "version: 9\nfield_of_tomorrow: 3\n");
  EXPECT_EQ(newer.status().message(),
            "p.plan:1: it is of version 9, and this program knows 1; run it with a newer Millrace");
  EXPECT_EQ(ReadPlanFile("p.plan", "seed: 1").status().message(),
            "p.plan: it does not say its version; write version: 1");
  EXPECT_EQ(ReadPlanFile("p.plan", "\nversion: 0").status().message(),
            "p.plan:2: plans of version 0 are not known; write version: 1");
}

// Versions that there never were: in the first a crash was called a kill, in the next jobs counted inputs from 1.
TEST(PlanFileTest, OlderVersionsAreMigratedStepByStep) {
  static constexpr PlanMigration kMigrations[] = {
      {.from = 0,
       .summary = "kill is crash",
       .apply =
           [](text::Plan& plan) {
             for (text::Fault& fault : *plan.mutable_fault()) {
               if (fault.kind() == "kill") fault.set_kind("crash");
             }
           }},
      {.from = 1,
       .summary = "inputs are counted from 0",
       .apply =
           [](text::Plan& plan) {
             for (text::Job& job : *plan.mutable_job()) job.set_input(job.input() - 1);
           }},
  };
  text::Plan plan;
  plan.set_version(0);
  plan.add_fault()->set_kind("kill");
  plan.add_job()->set_input(8);
  text::Plan half = plan;
  EXPECT_TRUE(Migrate(half, 1, kMigrations));
  EXPECT_EQ(half.fault(0).kind(), "crash");
  EXPECT_EQ(half.job(0).input(), 8u);
  EXPECT_TRUE(Migrate(plan, 2, kMigrations));
  EXPECT_EQ(plan.fault(0).kind(), "crash");
  EXPECT_EQ(plan.job(0).input(), 7u);
  EXPECT_EQ(plan.version(), 2u);

  const ReadPlanOptions options = {.migrations = std::span(kMigrations, 1)};
  const absl::StatusOr<PlanFile> file =
      ReadPlanFile("old", "version: 0\nfault { id: 1 kind: \"kill\" at: \"1s\" }", options);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->plan.version, kPlanVersion);
  EXPECT_EQ(file->plan.faults[0].kind, "crash");
}

TEST(PlanFileTest, MigrationsHaveNoGaps) {
  uint32_t version = PlanMigrations().empty() ? kPlanVersion : PlanMigrations().front().from;
  for (const PlanMigration& migration : PlanMigrations()) EXPECT_EQ(migration.from, version++);
  EXPECT_EQ(version, kPlanVersion);
}

TEST(PlanFileTest, ValidatesAgainstThePipelineWithLines) {
  const Topology topology = ExampleTopology(false);
  const absl::StatusOr<PlanFile> file = ReadPlanFile("p.plan",
                                                     "version: 1\nsemantics: \"queue\"\njob { id: 1 input: 9 }\n"
                                                     "fault { id: 1 kind: \"demote\" at: \"1s\" target: 7 }\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ValidatePlanFile("p.plan", *file, topology, {.count = 9}).message(),
            "p.plan:3: job 1: there is no input 9; there are 0 to 8\n"
            "p.plan:4: fault 1 (demote): there is no stage 7; there are 0 to 2");
}

TEST(DurationTextTest, IsExactBothWays) {
  for (const int64_t ns : {int64_t{0}, int64_t{1}, int64_t{999}, int64_t{1'000}, int64_t{1'500'000},
                           int64_t{-2'000'000}, int64_t{3'600'000'000'000}, INT64_MAX, INT64_MIN}) {
    const absl::StatusOr<int64_t> back = ParseDuration(DurationText(ns));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, ns);
  }
  EXPECT_EQ(DurationText(1'500'000), "1500us");
  EXPECT_EQ(DurationText(2'000'000'000), "2s");
  for (const char* wrong : {"", "s", "1", "1.5s", "1 s", "1m", "1sec", "9223372037s", "99999999999999999999ns"}) {
    EXPECT_FALSE(ParseDuration(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace millrace::sim
