#include "stages/registry.h"

#include <gtest/gtest.h>

namespace millrace::stages {
namespace {

class Nothing : public Stage {
 public:
  absl::Status Process(Context&, const bus::Message&, Outputs&) override { return absl::OkStatus(); }
};

StageKind Kind(std::string name) {
  return {
      .kind = std::move(name), .summary = "", .make = [](const StageConfig&) { return std::make_unique<Nothing>(); }};
}

TEST(RegistryTest, FindsWhatWasAddedAndListsItSorted) {
  Registry registry;
  ASSERT_TRUE(registry.AddStage(Kind("store")).ok());
  ASSERT_TRUE(registry.AddStage(Kind("parse")).ok());
  ASSERT_NE(registry.FindStage("parse"), nullptr);
  EXPECT_EQ(registry.FindStage("parse")->kind, "parse");
  EXPECT_EQ(registry.FindStage("pars"), nullptr);
  EXPECT_EQ(registry.StageKinds(), (std::vector<std::string>{"parse", "store"}));
}

TEST(RegistryTest, RefusesTheSameKindTwiceAndKindsWithoutOneFactory) {
  Registry registry;
  ASSERT_TRUE(registry.AddStage(Kind("parse")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(registry.AddStage(Kind("parse"))));
  EXPECT_TRUE(absl::IsInvalidArgument(registry.AddStage({.kind = "none"})));
  EXPECT_TRUE(absl::IsInvalidArgument(registry.AddStage(Kind(""))));
  EXPECT_TRUE(absl::IsInvalidArgument(registry.AddSource({.kind = "none"})));
  EXPECT_TRUE(absl::IsInvalidArgument(registry.AddPort({.kind = "none"})));
  StageKind both = Kind("both");
  both.make_batch = [](const StageConfig&) -> absl::StatusOr<std::unique_ptr<BatchStage>> {
    return absl::UnknownError("");
  };
  EXPECT_TRUE(absl::IsInvalidArgument(registry.AddStage(both)));
}

TEST(OptionsTest, ReadsValuesNumbersAndTruth) {
  Options options;
  options.Add("file", "a.csv");
  options.Add("file", "b.csv");
  options.Add("count", "12");
  options.Add("big", "99999999999999999999");
  options.Add("odd", "12x");
  options.Add("on", "true");
  options.Add("maybe", "yes");
  EXPECT_EQ(options.Get("file"), "a.csv");
  EXPECT_EQ(options.All("file"), (std::vector<std::string>{"a.csv", "b.csv"}));
  EXPECT_EQ(options.Get("none", "x"), "x");
  EXPECT_EQ(*options.GetInt("count", 0, 1, 12), 12);
  EXPECT_EQ(*options.GetInt("none", 7, 1, 12), 7);
  EXPECT_TRUE(absl::IsInvalidArgument(options.GetInt("count", 0, 1, 11).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(options.GetInt("big", 0, 1, INT64_MAX).status()));
  EXPECT_EQ(options.GetInt("odd", 0, 1, 100).status().message(),
            "option odd is \"12x\"; it must be a whole number from 1 to 100");
  EXPECT_TRUE(*options.GetBool("on", false));
  EXPECT_TRUE(*options.GetBool("none", true));
  EXPECT_TRUE(absl::IsInvalidArgument(options.GetBool("maybe", false).status()));
}

}  // namespace
}  // namespace millrace::stages
