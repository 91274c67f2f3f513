// An HTTP server inside a test, as far as a plugin of RabbitMQ's is asked: one answer for all that begins alike.
//
//   FakeHttp http;
//   http.Answer("/api/queues", 200, "[]");
//   HttpGet("http://127.0.0.1:" + std::to_string(http.port()) + "/api/queues/%2F", {});
//
// Threading: any thread; it has one of its own, and answers one connection after the other.
#ifndef MILLRACE_BUS_RABBITMQ_FAKE_HTTP_H_
#define MILLRACE_BUS_RABBITMQ_FAKE_HTTP_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::bus {

class FakeHttp {
 public:
  FakeHttp();
  ~FakeHttp();
  FakeHttp(const FakeHttp&) = delete;
  FakeHttp& operator=(const FakeHttp&) = delete;

  uint16_t port() const { return port_; }
  // To each GET of a path that begins so; 404 to others.
  void Answer(const std::string& path, int status, const std::string& body);
  // What was asked so far: request lines with their headers.
  std::vector<std::string> Requests();

 private:
  void Run();
  void Serve(int fd);
  std::string AnswerTo(const std::string& request);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> quit_{false};
  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_FAKE_HTTP_H_
