#include "tests/conformance/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "bus/check.h"

namespace millrace::conformance {
namespace {

constexpr size_t kFirstBytes = 4096;    // of a client, in which its name is looked for
constexpr size_t kHeldMax = 256 << 10;  // kept for a side that does not read

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

TcpProxy::TcpProxy(uint16_t target_port) : target_(target_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bell_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  sockaddr_in address = Loopback(0);
  MR_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  MR_CHECK(listen(listener_, 64) == 0);
  socklen_t size = sizeof(address);
  MR_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
  }
  Ring();
  thread_.join();
  for (Connection& connection : connections_) Cut(connection);
  close(listener_);
  close(bell_);
}

void TcpProxy::Ring() {
  const uint64_t one = 1;
  MR_CHECK(write(bell_, &one, sizeof(one)) == sizeof(one));
}

void TcpProxy::Break() {
  std::lock_guard<std::mutex> lock(mutex_);
  broken_ = true;
  for (Connection& connection : connections_) Cut(connection);
  Ring();
}

void TcpProxy::Restore() {
  std::lock_guard<std::mutex> lock(mutex_);
  broken_ = false;
  Ring();
}

void TcpProxy::Orphan(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Connection& connection : connections_) {
    if (connection.over || connection.first.find(text) == std::string::npos) continue;
    if (connection.server >= 0) close(connection.server);
    connection.server = -1;
    connection.orphan = true;
  }
  Ring();
}

void TcpProxy::Block(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  blocked_ = text;
}

void TcpProxy::Unblock() {
  std::lock_guard<std::mutex> lock(mutex_);
  blocked_.clear();
  Ring();
}

void TcpProxy::Cut(Connection& connection) {
  if (connection.client >= 0) close(connection.client);
  if (connection.server >= 0) close(connection.server);
  connection.client = connection.server = -1;
  connection.over = true;
}

void TcpProxy::Accept() {
  for (;;) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(target_);
    if (broken_ || connect(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      close(client);
      close(server);
      continue;
    }
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Connection& connection = connections_.emplace_back();
    connection.client = client;
    connection.server = server;
  }
}

// Reads what there is, writes what goes; a side that ends ends both.
void TcpProxy::Move(int from, int to, std::string& held, bool may_write, Connection& connection, bool is_client) {
  char bytes[16384];
  while (from >= 0 && held.size() < kHeldMax) {
    const ssize_t got = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) {
      // What was said before the end still arrives.
      if (may_write && to >= 0 && !held.empty()) send(to, held.data(), held.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      Cut(connection);
      return;
    }
    held.append(bytes, static_cast<size_t>(got));
    if (is_client && connection.first.size() < kFirstBytes) connection.first.append(bytes, static_cast<size_t>(got));
  }
  if (connection.orphan) held.clear();
  if (!may_write || to < 0) return;
  while (!held.empty()) {
    const ssize_t sent = send(to, held.data(), held.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return;
    held.erase(0, static_cast<size_t>(sent));
  }
}

void TcpProxy::Run() {
  std::vector<pollfd> fds;
  for (;;) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (quit_) return;
      Accept();
      for (Connection& c : connections_) {
        const bool blocked = !blocked_.empty() && c.first.find(blocked_) != std::string::npos;
        if (!c.over) Move(c.client, c.server, c.to_server, !blocked, c, true);
        if (!c.over) Move(c.server, c.client, c.to_client, true, c, false);
      }
      connections_.remove_if([](const Connection& c) { return c.over; });
      fds.assign({{listener_, POLLIN, 0}, {bell_, POLLIN, 0}});
      for (const Connection& c : connections_) {
        const auto add = [&](int fd, const std::string& in, const std::string& out, bool may_write) {
          const int events = (in.size() < kHeldMax ? POLLIN : 0) | (may_write && !out.empty() ? POLLOUT : 0);
          if (fd >= 0 && events != 0) fds.push_back({fd, static_cast<short>(events), 0});
        };
        const bool blocked = !blocked_.empty() && c.first.find(blocked_) != std::string::npos;
        add(c.client, c.to_server, c.to_client, true);
        add(c.server, c.to_client, c.to_server, !blocked);
      }
    }
    poll(fds.data(), fds.size(), 1000);
    if (fds[1].revents != 0) {
      uint64_t count = 0;
      MR_CHECK(read(bell_, &count, sizeof(count)) == sizeof(count));
    }
  }
}

}  // namespace millrace::conformance
