// Prints the story: bazel run //sim/story:story_main [SEED]
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "sim/story/story.h"

int main(int argc, char** argv) {
  millrace::sim::StoryOptions options;
  if (argc > 1) {
    char* end = nullptr;
    options.workload.salt = std::strtoull(argv[1], &end, 10);
    if (argc > 2 || *argv[1] == '\0' || *end != '\0') {
      std::cerr << "usage: story_main [SEED]\n";
      return 2;
    }
  }
  const auto story = millrace::sim::TellStory(options);
  if (!story.ok()) {
    std::cerr << story.status().ToString() << "\n";
    return 1;
  }
  std::cout << millrace::sim::StoryText(*story);
  return 0;
}
