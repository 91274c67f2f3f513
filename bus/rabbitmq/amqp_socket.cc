#include "bus/rabbitmq/amqp_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "bus/check.h"

namespace millrace::bus {
namespace {

std::string WordsOf(int error) { return std::generic_category().message(error); }

int ConnectToAddress(const addrinfo& address, int limit_ms, Bell& bell, const std::function<bool()>& stopped,
                     std::string& why) {
  const int fd = socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
  if (fd < 0) {
    why = WordsOf(errno);
    return -1;
  }
  const auto fail = [&](const std::string& words) {
    close(fd);
    why = words;
    return -1;
  };
  // What is sent goes out at once: we put batches together ourselves.
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return fd;
  if (errno != EINPROGRESS) return fail(WordsOf(errno));
  for (;;) {
    pollfd fds[2] = {{fd, POLLOUT, 0}, {bell.fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, limit_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail("no answer within " + std::to_string(limit_ms) + " ms");
    if (fds[1].revents != 0) {
      bell.Silence();
      if (stopped()) return fail("given up");
    }
    if (fds[0].revents == 0) continue;
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(WordsOf(error));
    return fd;
  }
}

}  // namespace

Bell::Bell() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) { MR_CHECK(fd_ >= 0) << "no file descriptor is left"; }

Bell::~Bell() { close(fd_); }

void Bell::Ring() {
  const uint64_t one = 1;
  while (write(fd_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void Bell::Silence() {
  uint64_t count = 0;
  while (read(fd_, &count, sizeof(count)) < 0 && errno == EINTR) {
  }
}

std::string NameOf(const AmqpHost& host) {
  const bool bare = host.name.find(':') == std::string::npos;
  return (bare ? host.name : "[" + host.name + "]") + ":" + std::to_string(host.port);
}

int ConnectTo(const AmqpHost& host, Duration limit, Bell& bell, const std::function<bool()>& stopped,
              std::string& why) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.name.c_str(), std::to_string(host.port).c_str(), &hints, &found);
  if (error != 0) {
    why = NameOf(host) + ": " + gai_strerror(error);
    return -1;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  const auto limit_ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count());
  std::string reason = "no address";
  for (const addrinfo* address = found; address != nullptr && !stopped(); address = address->ai_next) {
    const int fd = ConnectToAddress(*address, limit_ms, bell, stopped, reason);
    if (fd >= 0) return fd;
  }
  why = NameOf(host) + ": " + reason;
  return -1;
}

}  // namespace millrace::bus
