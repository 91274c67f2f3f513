// Prints the story: bazel run //sim/story:story_main
#include <iostream>

#include "sim/story/story.h"

int main() {
  const auto story = millrace::sim::TellStory({});
  if (!story.ok()) {
    std::cerr << story.status().ToString() << "\n";
    return 1;
  }
  std::cout << millrace::sim::StoryText(*story);
  return 0;
}
