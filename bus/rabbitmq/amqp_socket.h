// A TCP connection, opened with a time limit that another thread can cut short, with TLS over it or without; and a bell
// to wake a thread that waits for one.
//
// Threading: Bell::Ring from any thread; AmqpSocket::Send from any thread without TLS, one at a time; the rest from one.
// Ownership: all close what they opened.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_SOCKET_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_SOCKET_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "bus/clock.h"
#include "bus/rabbitmq/amqp_options.h"
#include "bus/rabbitmq/byte_buffer.h"
#include "bus/rabbitmq/tls_session.h"

namespace millrace::bus {

// Rings until it is asked.
class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  void Ring();
  void Silence();
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// Connects without blocking for longer than `limit`, besides what looking up the name takes, and until `stopped` says
// so after the bell rang. Returns the socket, non-blocking; or -1 with the reason in `why`.
int ConnectTo(const AmqpHost& host, Duration limit, Bell& bell, const std::function<bool()>& stopped, std::string& why);

// An open connection, non-blocking.
class AmqpSocket {
 public:
  // Takes the socket over; `tls`: nullptr where the connection is plain.
  AmqpSocket(int fd, std::unique_ptr<TlsSession> tls);
  ~AmqpSocket();
  AmqpSocket(const AmqpSocket&) = delete;
  AmqpSocket& operator=(const AmqpSocket&) = delete;

  int fd() const { return fd_; }
  // TLS reads and writes share one state, which belongs to the thread that reads.
  bool AnyThreadSends() const { return tls_ == nullptr; }
  // How many bytes were taken; 0: none for now, or the connection is broken, which Receive tells.
  size_t Send(std::string_view bytes);
  // What was taken and has not left: to be sent when the socket takes more.
  bool Unsent() const { return tls_ != nullptr && !tls_->output().empty(); }
  // Appends what has come. False where the connection has ended, with a reason in `why` where one is known.
  bool Receive(ByteBuffer& into, std::string& why);

 private:
  const int fd_;
  const std::unique_ptr<TlsSession> tls_;
  ByteBuffer raw_;  // with TLS: as received
};

// "host:port", with brackets around an IPv6 address.
std::string NameOf(const AmqpHost& host);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_SOCKET_H_
