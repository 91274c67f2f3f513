// The client's end of a TLS connection as bytes: what the server has sent comes in, what is to be sent to it comes out,
// and plain bytes pass on the other side. No socket, no thread, no clock.
//
//   auto tls = TlsSession::Open(settings, "rabbit.example.com");
//   … send what is in (*tls)->output() …
//   (*tls)->Take(received);
//   if (!(*tls)->Read(plain)) …                       // over: (*tls)->why()
//   if ((*tls)->established()) (*tls)->Write("AMQP");  // into output()
//
// Effect      the server's certificate is verified, with its name, unless the settings say otherwise; before that
//             nothing is taken from Write. TLS 1.2 or later, no renegotiation.
// Errors      Open: InvalidArgument for files that cannot be used, naming the parameter, and for a name that no
//             certificate can have. No secret is in any of them.
// Threading   one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_TLS_SESSION_H_
#define MILLRACE_BUS_RABBITMQ_TLS_SESSION_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bus/rabbitmq/amqp_options.h"
#include "bus/rabbitmq/byte_buffer.h"

namespace millrace::bus {

class TlsSession {
 public:
  // `host` is the name that the certificate must have, unless the settings name another.
  static absl::StatusOr<std::unique_ptr<TlsSession>> Open(const AmqpTls& settings, const std::string& host);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  void Take(std::string_view bytes);
  // Appends what has come in plain, and goes on with the handshake before there is any. False where it is over.
  bool Read(ByteBuffer& plain);
  // Only when established.
  void Write(std::string_view plain);
  // To be sent; the caller removes what it has sent.
  ByteBuffer& output() { return output_; }

  bool established() const { return established_; }
  // Why it is over; empty where the server has ended it in good order.
  const std::string& why() const { return why_; }

 private:
  struct Library;  // OpenSSL's objects

  TlsSession();
  bool Handshake();
  bool Fail();
  std::string AdviceOnOurs() const;
  void CollectOutput();

  std::unique_ptr<Library> library_;
  std::string host_;
  std::string ours_;  // the certificate that we show, in words; empty where there is none
  ByteBuffer output_;
  bool first_ = true;
  bool established_ = false;
  std::string why_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_TLS_SESSION_H_
