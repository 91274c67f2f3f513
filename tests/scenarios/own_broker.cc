#include "tests/scenarios/own_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

namespace millrace::scenarios {
namespace {

bool Free(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return free;
}

// What a broker's script listens on beside the port itself: ops/kafka, ops/rabbitmq.
uint16_t FreePort() {
  static std::atomic<int> given{0};
  const int first = 12000 + (getpid() % 100 + 100 * (given++ % 8)) * 25;  // below what connections are given
  for (auto port = static_cast<uint16_t>(first); port < 65000; port = static_cast<uint16_t>(port + 10)) {
    if (Free(port) && Free(static_cast<uint16_t>(port + 1)) && Free(static_cast<uint16_t>(port + 101)) &&
        Free(static_cast<uint16_t>(port + 200))) {
      return port;
    }
  }
  return 0;
}

// What a command says on its standard output; Unavailable with that where it fails.
absl::StatusOr<std::string> Shell(const std::string& command) {
  FILE* const pipe = popen((command + " 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return absl::UnavailableError("no shell");
  std::string said;
  std::array<char, 4096> bytes{};
  for (size_t n = 0; (n = fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) said.append(bytes.data(), n);
  if (pclose(pipe) != 0) return absl::UnavailableError(command + ":\n" + said);
  return said;
}

// Where the downloads of the user who runs the tests are: the environment of tests has no home.
std::string Home() {
  const passwd* const user = getpwuid(getuid());
  return user == nullptr ? "/tmp" : user->pw_dir;
}

}  // namespace

OwnBroker::OwnBroker(std::string name, std::string folder, uint16_t port)
    : name_(std::move(name)), folder_(std::move(folder)), port_(port) {}

absl::StatusOr<std::unique_ptr<OwnBroker>> OwnBroker::Start(const std::string& name) {
  const char* temporary = std::getenv("TEST_TMPDIR");
  std::string folder = std::string(temporary == nullptr ? "/tmp" : temporary) + "/own-" + name + "-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return absl::UnavailableError("no folder for a broker: " + folder);
  auto broker = std::unique_ptr<OwnBroker>(new OwnBroker(name, folder, FreePort()));
  if (absl::Status s = broker->StartAgain(); !s.ok()) return s;
  return broker;
}

OwnBroker::~OwnBroker() {
  Stop(/*kill=*/true).IgnoreError();
  std::error_code none;
  std::filesystem::remove_all(folder_, none);
}

absl::Status OwnBroker::StartAgain() {
  const std::string command =
      "HOME=" + Home() + " ops/" + name_ + " start --port " + std::to_string(port_) + " --dir " + folder_;
  auto said = Shell(command);
  // One that was killed may still hold its port for a moment.
  for (int again = 0; again < 5 && !said.ok(); ++again) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    said = Shell(command);
  }
  if (!said.ok()) return said.status();
  const std::string scheme = name_ == "kafka" ? "kafka://" : "amqp://";
  const size_t begin = said->rfind(scheme);
  if (begin == std::string::npos) return absl::UnavailableError("ops/" + name_ + " start names no URL: " + *said);
  url_ = said->substr(begin, said->find_first_of(" \n", begin) - begin);
  return absl::OkStatus();
}

absl::Status OwnBroker::Stop(bool kill) {
  return Shell("HOME=" + Home() + " ops/" + name_ + " stop --dir " + folder_ + (kill ? " --kill" : "")).status();
}

absl::Status OwnBroker::Control(const std::string& words) {
  return Shell("HOME=" + Home() + " ops/" + name_ + " ctl --dir " + folder_ + " -- " + words).status();
}

}  // namespace millrace::scenarios
