// A TLS server in front of a plain one, inside a test: takes TLS off and passes the bytes on, with OpenSSL on sockets, so
// that the driver's own way of using it is held against another. And certificates, made by openssl's command.
//
//   Certificates made(folder);
//   TlsFront front({.certificate = made.Make("server", "IP:127.0.0.1")}, server.port());
//   OpenRabbitBus("amqps://127.0.0.1:" + std::to_string(front.port()) + "/?cacertfile=" + made.authority(), clock);
//
// Threading: any thread; one thread of its own for each connection.
#ifndef MILLRACE_BUS_RABBITMQ_TLS_FRONT_H_
#define MILLRACE_BUS_RABBITMQ_TLS_FRONT_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace millrace::bus {

// An authority in a folder of its own, and what it signs. Files are PEM: NAME.pem, NAME.key.
class Certificates {
 public:
  explicit Certificates(std::string folder);
  // Signed by the authority, for `names` as in subjectAltName: "DNS:rabbit.example,IP:127.0.0.1". With -1 days its time is
  // over. Returns NAME.pem's path.
  std::string Make(const std::string& name, const std::string& names, int days = 2);
  std::string authority() const { return Path("ca.pem"); }
  std::string Path(const std::string& file) const { return folder_ + "/" + file; }
  static std::string KeyOf(const std::string& certificate);  // NAME.key of NAME.pem

 private:
  const std::string folder_;
};

struct TlsFrontOptions {
  std::string certificate;  // its key lies beside it
  std::string clients;      // the authority that a client's certificate must be signed by; empty: none is asked for
};

class TlsFront {
 public:
  TlsFront(const TlsFrontOptions& options, uint16_t behind);
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  uint16_t port() const { return port_; }

 private:
  struct Library;
  void Run();
  void Serve(int fd);

  const uint16_t behind_;
  Library* library_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> quit_{false};
  std::thread thread_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_TLS_FRONT_H_
