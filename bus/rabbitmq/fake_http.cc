#include "bus/rabbitmq/fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr int kLookMs = 20;

}  // namespace

FakeHttp::FakeHttp() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  MR_CHECK(bind(listener_, any, size) == 0 && listen(listener_, 16) == 0 && getsockname(listener_, any, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

FakeHttp::~FakeHttp() {
  quit_ = true;
  thread_.join();
  close(listener_);
}

void FakeHttp::Answer(const std::string& path, int status, const std::string& body) {
  std::lock_guard<std::mutex> lock(mutex_);
  answers_[path] = {status, body};
}

std::vector<std::string> FakeHttp::Requests() {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void FakeHttp::Run() {
  while (!quit_) {
    pollfd look{listener_, POLLIN, 0};
    if (poll(&look, 1, kLookMs) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Serve(fd);
    close(fd);
  }
}

void FakeHttp::Serve(int fd) {
  std::string request;
  std::array<char, 4096> bytes{};
  while (!quit_ && request.find("\r\n\r\n") == std::string::npos) {
    pollfd look{fd, POLLIN, 0};
    if (poll(&look, 1, kLookMs) <= 0) continue;
    const ssize_t got = recv(fd, bytes.data(), bytes.size(), 0);
    if (got <= 0) return;
    request.append(bytes.data(), static_cast<size_t>(got));
  }
  const std::string answer = AnswerTo(request);
  for (size_t sent = 0; sent < answer.size();) {
    const ssize_t put = send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
    if (put <= 0) return;
    sent += static_cast<size_t>(put);
  }
}

std::string FakeHttp::AnswerTo(const std::string& request) {
  std::lock_guard<std::mutex> lock(mutex_);
  requests_.push_back(request);
  const size_t begin = request.find(' ') + 1;
  const std::string path = request.substr(begin, request.find(' ', begin) - begin);
  int status = 404;
  std::string body = "nothing";
  for (const auto& [prefix, answer] : answers_) {
    if (path.rfind(prefix, 0) != 0) continue;
    status = answer.first;
    body = answer.second;
  }
  return "HTTP/1.1 " + std::to_string(status) +
         " Status\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace millrace::bus
