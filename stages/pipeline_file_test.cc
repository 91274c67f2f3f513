#include "stages/pipeline_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace millrace::stages {
namespace {

std::vector<std::string> Told(const PipelineFile& file) {
  std::vector<std::string> told;
  for (const Problem& problem : file.problems()) told.push_back(problem.ToString());
  return told;
}

TEST(PipelineFileTest, KnowsTheLineOfEachPart) {
  const PipelineFile file = PipelineFile::Parse("a/p.textproto", R"(# comment
name: "p"
topic { name: "t" }
topic {
  name: "u"
  partitions: 0
}
stage {
  retry { attempts_max: 3 }
  option { key: "k" }
  option { key: "l" }
}
)");
  EXPECT_TRUE(file.complete());
  EXPECT_TRUE(file.problems().empty());
  EXPECT_EQ(file.base_dir(), "a");
  EXPECT_EQ(file.pipeline().topic_size(), 2);
  const Node root = file.Root();
  EXPECT_EQ(root.LineOf("name"), 2);
  EXPECT_EQ(root.Child("topic", 1).line(), 4);
  EXPECT_EQ(root.Child("topic", 1).LineOf("partitions"), 6);
  EXPECT_TRUE(root.Child("topic", 1).Has("partitions")) << "written down, though with its default value";
  EXPECT_FALSE(root.Child("topic", 0).Has("partitions"));
  EXPECT_EQ(root.Child("topic", 1).LineOf("unordered"), 4) << "what is not there stands where its message begins";
  EXPECT_EQ(root.Child("stage", 0).Child("retry").LineOf("attempts_max"), 9);
  EXPECT_EQ(root.Child("stage", 0).LineOf("option", 1), 11);
  EXPECT_EQ(root.Child("stage", 0).Child("window").LineOf("messages"), 8);
  EXPECT_EQ(root.Child("stage", 7).LineOf("name"), 1)
      << "a message that is not there has the line of what should hold it";
}

TEST(PipelineFileTest, FindsAllUnknownFieldsInOneRun) {
  const PipelineFile file = PipelineFile::Parse("p.textproto", R"(name: "p"
topic { nane: "t" partitions: 2 }
stage { ouput { topic: "t" } execution: INLINE name: "s" }
)");
  EXPECT_TRUE(file.complete());
  EXPECT_EQ(Told(file), (std::vector<std::string>{
                            "p.textproto:2: there is no field \"nane\" in a Topic; did you mean \"name\"?",
                            "p.textproto:3: there is no field \"ouput\" in a StageSpec; did you mean \"output\"?",
                        }));
  EXPECT_EQ(file.pipeline().stage(0).name(), "s");
}

TEST(PipelineFileTest, SyntaxErrorsNameTheLine) {
  const PipelineFile file = PipelineFile::Parse("p.textproto", "name: \"p\"\ntopic { name \"t\" ]\n");
  EXPECT_FALSE(file.complete());
  ASSERT_EQ(file.problems().size(), 1u);
  EXPECT_EQ(file.problems()[0].line, 2);
  EXPECT_EQ(Told(PipelineFile::Parse("p", "stage {\n execution: INLIN }")),
            std::vector<std::string>{"p:2: \"INLIN\" is no value of execution; did you mean \"INLINE\"?"});
  EXPECT_EQ(Told(PipelineFile::Parse("p", "name: \"p\" name: \"q\"")),
            std::vector<std::string>{"p:1: the field \"name\" is there twice; remove one"});
}

TEST(PipelineFileTest, SurvivesAnything) {
  for (const std::string& text :
       {std::string(""), std::string("\0\0\0", 3), std::string("\xff\xfe"), std::string(100'000, '{'),
        std::string("topic { partitions: 99999999999999999999 }"), std::string("name: \"unclosed"),
        std::string("stage { retry { x { ") + std::string(50'000, '<')}) {
    PipelineFile::Parse("p", text);
  }
  EXPECT_TRUE(PipelineFile::Parse("p", "").complete());
}

TEST(PipelineFileTest, LoadSaysWhyNot) {
  const std::string folder = testing::TempDir();
  EXPECT_TRUE(absl::IsNotFound(PipelineFile::Load(folder + "/none.textproto").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(PipelineFile::Load(folder).status()));
  const std::string path = folder + "/p.textproto";
  std::ofstream(path) << "name: \"p\"";
  ASSERT_TRUE(PipelineFile::Load(path).ok());
  EXPECT_EQ(PipelineFile::Load(path)->pipeline().name(), "p");
  std::filesystem::resize_file(path, (4 << 20) + 1);
  EXPECT_TRUE(absl::IsInvalidArgument(PipelineFile::Load(path).status()));
}

}  // namespace
}  // namespace millrace::stages
