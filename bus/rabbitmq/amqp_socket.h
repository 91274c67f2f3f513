// A TCP connection, opened with a time limit that another thread can cut short, and a bell to wake a thread that waits
// for one.
//
// Threading: Bell::Ring from any thread; the rest from one. Ownership: both close what they opened.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_SOCKET_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_SOCKET_H_

#include <functional>
#include <string>

#include "bus/clock.h"
#include "bus/rabbitmq/amqp_options.h"

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

// "host:port", with brackets around an IPv6 address.
std::string NameOf(const AmqpHost& host);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_SOCKET_H_
