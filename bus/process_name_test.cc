#include "bus/process_name.h"

#include <unistd.h>

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

// As two containers of one image have them: the same host's name, the same process number.
TEST(ProcessNameTest, TheSameHostAndNumberAreTwoNames) {
  char host[256] = "";
  ASSERT_EQ(gethostname(host, sizeof(host) - 1), 0);
  const std::string where = std::string(host) + "-" + std::to_string(getpid()) + "-";
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = DrawProcessName();
    EXPECT_EQ(name.substr(0, where.size()), where) << "it says where";
    EXPECT_EQ(name.size(), where.size() + 16);
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

}  // namespace
}  // namespace millrace::bus
