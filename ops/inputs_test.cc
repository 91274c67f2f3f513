#include "ops/inputs.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace millrace::ops {
namespace {

class InputsTest : public testing::Test {
 protected:
  InputsTest() {
    const auto make = [](const stages::SourceConfig&) { return absl::UnimplementedError(""); };
    EXPECT_TRUE(
        registry_
            .AddSource({.kind = "lines",
                        .summary = "",
                        .options = {{.key = "file", .summary = "", .path = true}, {.key = "skip", .summary = ""}},
                        .make = make})
            .ok());
    EXPECT_TRUE(
        registry_.AddSource({.kind = "count", .summary = "", .options = {{.key = "to", .summary = ""}}, .make = make})
            .ok());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        R"(source { name: "a" kind: "lines" option { key: "file" value: "x" } option { key: "skip" value: "1" }
                    option { key: "file" value: "y" } }
           source { name: "b.c" kind: "lines" }
           source { name: "n" kind: "count" })",
        &pipeline_));
  }
  std::string Values(int source) {
    std::string values;
    for (const stages::Option& option : pipeline_.source(source).option())
      values += option.key() + "=" + option.value() + " ";
    return values;
  }
  std::string Refused(const std::vector<std::string>& inputs) {
    const absl::Status status = ApplyInputs(inputs, registry_, &pipeline_);
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    return std::string(status.message());
  }

  stages::Registry registry_;
  stages::Pipeline pipeline_;
};

TEST_F(InputsTest, ReplacesAllValuesOfTheKey) {
  ASSERT_TRUE(ApplyInputs({"a.file=/p", "a.file=/q=r", "to=3"}, registry_, &pipeline_).ok());
  EXPECT_EQ(Values(0), "skip=1 file=/p file=/q=r ");
  EXPECT_EQ(Values(1), "");
  EXPECT_EQ(Values(2), "to=3 ");
}

TEST_F(InputsTest, PathsAreRelativeToTheWorkingFolder) {
  ASSERT_TRUE(ApplyInputs({"b.c.file=p", "b.c.skip=p"}, registry_, &pipeline_).ok());
  EXPECT_EQ(Values(1), "file=" + (std::filesystem::current_path() / "p").string() + " skip=p ");
}

TEST_F(InputsTest, AnEmptyValueTakesAway) {
  ASSERT_TRUE(ApplyInputs({"a.file="}, registry_, &pipeline_).ok());
  EXPECT_EQ(Values(0), "skip=1 ");
}

TEST_F(InputsTest, SaysWhatIsWrong) {
  EXPECT_EQ(Refused({"file"}), "--input file is not of the form KEY=VALUE or SOURCE.KEY=VALUE");
  EXPECT_EQ(Refused({"=x"}), "--input =x is not of the form KEY=VALUE or SOURCE.KEY=VALUE");
  EXPECT_EQ(Refused({"fiel=x"}), "--input fiel=x: no source has an option \"fiel\"; did you mean \"file\"?");
  EXPECT_EQ(Refused({"file=x"}),
            "--input file=x: several sources have an option \"file\"; say which: a.file=x or b.c.file=x");
}

}  // namespace
}  // namespace millrace::ops
