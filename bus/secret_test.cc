#include "bus/secret.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace millrace::bus {
namespace {

TEST(SecretTest, ComesFromTheEnvironmentOrAFile) {
  setenv("MILLRACE_SECRET_TEST", "hunter2", 1);
  std::string value = "env:MILLRACE_SECRET_TEST";
  ASSERT_TRUE(LookUpSecret("x", value).ok());
  EXPECT_EQ(value, "hunter2");
  const std::string path = testing::TempDir() + "/secret";
  std::ofstream(path) << "hunter3\r\n";
  value = "file:" + path;
  ASSERT_TRUE(LookUpSecret("x", value).ok());
  EXPECT_EQ(value, "hunter3");
  value = "plain:env:NAME";
  ASSERT_TRUE(LookUpSecret("x", value).ok());
  EXPECT_EQ(value, "plain:env:NAME");
}

TEST(SecretTest, WhatIsMissingIsNamed) {
  std::string value = "env:MILLRACE_NO_SUCH_SECRET";
  absl::Status status = LookUpSecret("sasl.password", value);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "sasl.password is to come from the environment variable MILLRACE_NO_SUCH_SECRET, which is not set");
  value = "file:/no/such/file";
  status = LookUpSecret("sasl.password", value);
  EXPECT_EQ(status.message(), "sasl.password is to come from a file that cannot be read: /no/such/file");
}

}  // namespace
}  // namespace millrace::bus
