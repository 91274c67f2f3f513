#include "bus/rabbitmq/tls_front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <list>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr int kLookMs = 20;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void RunCommand(const std::string& command) {
  MR_CHECK(std::system((command + " >/dev/null 2>&1").c_str()) == 0) << command;
}

}  // namespace

Certificates::Certificates(std::string folder) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  RunCommand(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=Test authority' "
      "-keyout " +
      Path("ca.key") + " -out " + authority());
}

std::string Certificates::Make(const std::string& name, const std::string& names, int days) {
  const std::string base = Path(name);
  std::ofstream(base + ".ext") << "subjectAltName=" << names << "\n";
  RunCommand("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=" + name + "' -keyout " +
             base + ".key -out " + base + ".csr");
  RunCommand("openssl x509 -req -in " + base + ".csr -CA " + authority() + " -CAkey " + Path("ca.key") +
             " -CAcreateserial -days " + std::to_string(days) + " -extfile " + base + ".ext -out " + base + ".pem");
  return base + ".pem";
}

std::string Certificates::KeyOf(const std::string& certificate) {
  return certificate.substr(0, certificate.size() - 4) + ".key";
}

struct TlsFront::Library {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
};

TlsFront::TlsFront(const TlsFrontOptions& options, uint16_t behind) : behind_(behind), library_(new Library) {
  signal(SIGPIPE, SIG_IGN);  // of this process, which is a test
  SSL_CTX* const context = library_->context;
  MR_CHECK(SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) == 1) << options.certificate;
  MR_CHECK(SSL_CTX_use_PrivateKey_file(context, Certificates::KeyOf(options.certificate).c_str(), SSL_FILETYPE_PEM) ==
           1);
  if (!options.clients.empty()) {
    MR_CHECK(SSL_CTX_load_verify_locations(context, options.clients.c_str(), nullptr) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  MR_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  MR_CHECK(listen(listener_, 64) == 0);
  socklen_t size = sizeof(address);
  MR_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

TlsFront::~TlsFront() {
  quit_ = true;
  thread_.join();
  close(listener_);
  SSL_CTX_free(library_->context);
  delete library_;
}

void TlsFront::Run() {
  std::list<std::thread> served;
  while (!quit_) {
    pollfd wait{listener_, POLLIN, 0};
    if (poll(&wait, 1, kLookMs) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) served.emplace_back([this, fd] { Serve(fd); });
  }
  for (std::thread& each : served) each.join();
}

// One connection, to its end on either side.
void TlsFront::Serve(int fd) {
  SSL* const ssl = SSL_new(library_->context);
  SSL_set_fd(ssl, fd);
  const int plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(behind_);
  bool good = SSL_accept(ssl) == 1 && connect(plain, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  std::array<char, 32768> bytes{};
  while (good && !quit_) {
    pollfd fds[2] = {{fd, POLLIN, 0}, {plain, POLLIN, 0}};
    if (SSL_pending(ssl) == 0 && poll(fds, 2, kLookMs) <= 0) continue;
    if (SSL_pending(ssl) > 0 || fds[0].revents != 0) {
      const int got = SSL_read(ssl, bytes.data(), static_cast<int>(bytes.size()));
      good = got > 0 && send(plain, bytes.data(), static_cast<size_t>(got), MSG_NOSIGNAL) == got;
    }
    if (good && fds[1].revents != 0) {
      const ssize_t got = recv(plain, bytes.data(), bytes.size(), 0);
      good = got > 0 && SSL_write(ssl, bytes.data(), static_cast<int>(got)) == got;
    }
  }
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(plain);
  close(fd);
}

}  // namespace millrace::bus
