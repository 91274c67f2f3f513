// A TCP proxy that breaks what goes through it, so that tests can do to their own connections what an outage, a dead
// peer or an alarm does, while the broker serves other tests.
//
// Threading: any thread; it has one of its own. No gtest in here.
#ifndef MILLRACE_TESTS_CONFORMANCE_TCP_PROXY_H_
#define MILLRACE_TESTS_CONFORMANCE_TCP_PROXY_H_

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace millrace::conformance {

class TcpProxy {
 public:
  // To a port of this machine.
  explicit TcpProxy(uint16_t target_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  uint16_t port() const { return port_; }

  // Cuts all connections, and whatever connects is cut at once, until Restore.
  void Break();
  void Restore();
  // Ends the server's side of the connections whose client has said `text` in its first bytes; the client hears nothing
  // any more, and nobody hears it.
  void Orphan(const std::string& text);
  // What clients that have said `text` send is kept back until Unblock.
  void Block(const std::string& text);
  void Unblock();

 private:
  struct Connection {
    int client = -1;
    int server = -1;
    std::string first;      // what the client said first
    std::string to_client;  // read, not written yet
    std::string to_server;
    bool orphan = false;
    bool over = false;
  };
  void Run();
  void Accept();
  void Move(int from, int to, std::string& held, bool may_write, Connection& connection, bool is_client);
  static void Cut(Connection& connection);
  void Ring();

  const uint16_t target_;
  uint16_t port_ = 0;
  int listener_ = -1;
  int bell_ = -1;
  std::mutex mutex_;
  std::list<Connection> connections_;
  bool broken_ = false;
  bool quit_ = false;
  std::string blocked_;  // empty: nobody
  std::thread thread_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_TCP_PROXY_H_
