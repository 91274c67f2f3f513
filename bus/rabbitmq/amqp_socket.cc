#include "bus/rabbitmq/amqp_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kEncryptBytes = 256 << 10;  // as one: more waits in plain until this has left

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

AmqpSocket::AmqpSocket(int fd, std::unique_ptr<TlsSession> tls) : fd_(fd), tls_(std::move(tls)) {}

AmqpSocket::~AmqpSocket() { close(fd_); }

size_t AmqpSocket::Send(std::string_view bytes) {
  const auto plainly = [this](std::string_view what) -> size_t {
    for (;;) {
      const ssize_t sent = send(fd_, what.data(), what.size(), MSG_NOSIGNAL);
      if (sent >= 0) return static_cast<size_t>(sent);
      if (errno != EINTR) return 0;
    }
  };
  if (tls_ == nullptr) return plainly(bytes);
  ByteBuffer& output = tls_->output();
  size_t taken = 0;
  if (output.empty() && tls_->established()) {
    taken = std::min(bytes.size(), kEncryptBytes);
    tls_->Write(bytes.substr(0, taken));
  }
  while (!output.empty()) {
    const size_t sent = plainly(output.View());
    if (sent == 0) break;
    output.RemovePrefix(sent);
  }
  return taken;
}

bool AmqpSocket::Receive(ByteBuffer& into, std::string& why) {
  ByteBuffer& buffer = tls_ == nullptr ? into : raw_;
  char* const at = buffer.Reserve(kReadBytes);
  ssize_t got = 0;
  do {
    got = recv(fd_, at, kReadBytes, 0);
  } while (got < 0 && errno == EINTR);
  const int error = errno;
  if (got > 0) buffer.CommitTo(at + got);
  const bool ended = got == 0 || (got < 0 && error != EAGAIN && error != EWOULDBLOCK);
  if (tls_ != nullptr) {
    tls_->Take(raw_.View());
    raw_.Clear();
    const bool alive = tls_->Read(into);
    Send({});  // what TLS has to say of its own
    if (!alive) {
      why = tls_->why();
      return false;
    }
    if (ended && !tls_->established())
      why =
          "the server ended the connection during the TLS handshake: the port may not be for TLS, or the server wants "
          "a client certificate (certfile=PATH, keyfile=PATH)";
  }
  if (ended && got < 0) why.append(why.empty() ? "" : ": ").append(WordsOf(error));
  return !ended;
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
