#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/scenarios/kafka_wire.h"

namespace millrace::scenarios {

bool KafkaSocket::Open(uint16_t port) {
  Close();
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    Close();
    return false;
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return true;
}

void KafkaSocket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  held_.clear();
}

bool KafkaSocket::Send(const KafkaCall& call, const std::string& body, int32_t correlation) {
  if (fd_ < 0) return false;
  KafkaWriter head;  // the client's id is a plain string in either encoding
  head.I16(call.api).I16(call.version).I32(correlation).Text("scenario");
  if (call.flexible) head.I8(0);
  KafkaWriter frame;
  frame.I32(static_cast<int32_t>(head.bytes().size() + body.size())).Raw(head.bytes()).Raw(body);
  for (size_t sent = 0; sent < frame.bytes().size();) {
    const ssize_t n = send(fd_, frame.bytes().data() + sent, frame.bytes().size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      Close();
      return false;
    }
    sent += static_cast<size_t>(n);
  }
  return true;
}

std::string KafkaSocket::Receive(const KafkaCall& call, int32_t& correlation, int most_ms) {
  while (fd_ >= 0) {
    if (held_.size() >= 8) {
      KafkaReader head(held_);
      const auto size = static_cast<size_t>(head.I32());
      if (held_.size() >= 4 + size) {
        correlation = head.I32();
        const size_t skip = 8 + (call.flexible ? 1 : 0);  // no tagged fields
        std::string answer = held_.substr(skip, 4 + size - skip);
        held_.erase(0, 4 + size);
        return answer;
      }
    }
    pollfd poll_for{fd_, POLLIN, 0};
    if (poll(&poll_for, 1, most_ms) <= 0) return "";
    char bytes[16384];
    const ssize_t got = recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got <= 0) {
      Close();
      return "";
    }
    held_.append(bytes, static_cast<size_t>(got));
  }
  return "";
}

}  // namespace millrace::scenarios
