// An AMQP 0-9-1 server inside a test: the queue broker model (bus/memory/queue_broker.h) behind real sockets and frames,
// which are taken apart and put together by rabbitmq-c, so that our own codec is held against another.
//
//   FakeServer server;
//   OpenRabbitBus(server.Url(), clock);
//   server.broker([](QueueBroker& broker, MonotonicTime now) { broker.SetAlarm(true, now); });
//
// Threading: any thread; it has one of its own.
#ifndef MILLRACE_BUS_RABBITMQ_FAKE_SERVER_H_
#define MILLRACE_BUS_RABBITMQ_FAKE_SERVER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bus/clock.h"
#include "bus/memory/queue_broker.h"
#include "bus/rabbitmq/byte_buffer.h"

namespace millrace::bus {

struct FakeServerOptions {
  std::string version = "3.10.8";
  std::string mechanisms = "PLAIN AMQPLAIN";
  uint16_t channel_max = 2047;
  uint32_t frame_max = 131072;
  uint16_t heartbeat = 60;
  bool silent = false;    // sends no heartbeats and answers nothing after the handshake
  std::string forbidden;  // names that begin with it nobody may touch; empty: none
  int doors = 1;          // ports that it listens on: the nodes of a cluster, for a client
};

class FakeServer {
 public:
  FakeServer(const Clock& clock, FakeServerOptions options = {});
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  uint16_t port(int door = 0) const { return ports_[static_cast<size_t>(door)]; }
  // amqp://guest:guest@127.0.0.1:port/ with `parameters` behind.
  std::string Url(const std::string& parameters = "") const;
  void Broker(const std::function<void(QueueBroker& broker, MonotonicTime now)>& work);
  // Closes every socket without a word.
  void CutAll();
  // Closes a port, and what came in by it, without a word.
  void CloseDoor(int door);
  // Connections that were ever made to it.
  int Visits(int door);
  // What clients have called their connections.
  std::vector<std::string> Names();

 private:
  class Client;
  void Run();
  void Listen();

  const Clock& clock_;
  const FakeServerOptions options_;
  std::vector<uint16_t> ports_;
  std::vector<int> listeners_;  // -1: closed
  std::vector<int> visits_;
  int bell_ = -1;
  std::mutex mutex_;
  bool quit_ = false;
  QueueBroker broker_{QueueBrokerOptions{}};
  std::list<std::unique_ptr<Client>> clients_;
  std::vector<std::string> names_;
  std::thread thread_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_FAKE_SERVER_H_
