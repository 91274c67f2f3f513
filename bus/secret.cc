#include "bus/secret.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace millrace::bus {

absl::Status LookUpSecret(const std::string& what, std::string& value) {
  if (value.rfind("env:", 0) == 0) {
    const std::string name = value.substr(4);
    const char* found = std::getenv(name.c_str());
    if (found == nullptr) {
      return absl::NotFoundError(what + " is to come from the environment variable " + name + ", which is not set");
    }
    value = found;
  } else if (value.rfind("file:", 0) == 0) {
    const std::string path = value.substr(5);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return absl::NotFoundError(what + " is to come from a file that cannot be read: " + path);
    value = text.str();
    while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  }
  return absl::OkStatus();
}

}  // namespace millrace::bus
