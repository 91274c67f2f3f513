#include "ops/premature_exit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace millrace::ops {

PrematureExit::PrematureExit() {
  if (const char* const path = std::getenv("TEST_PREMATURE_EXIT_FILE")) path_ = path;
  if (!path_.empty()) std::ofstream(path_, std::ios::app) << "";
}

PrematureExit::~PrematureExit() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace millrace::ops
