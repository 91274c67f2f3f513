#include "bus/rabbitmq/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr size_t kRecordMax = 16384;  // plain bytes of one record
constexpr char kTlsAlert = 21, kTlsHandshake = 22;

// For a message to people: the bytes that can be shown, a few of them.
std::string Shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 20)) text.push_back(c >= 0x20 && c < 0x7F ? c : '.');
  return text;
}

std::string LastReason() {
  const unsigned long error = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "no reason is known" : reason;
}

// "certfile=client.pem (signed by "Test authority", good until Nov 30 16:25:20 2026 GMT)": the certificate that we show.
std::string OwnCertificate(const std::string& path, X509* certificate) {
  std::string text = "certfile=" + path;
  char issuer[64] = "";
  X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, issuer, sizeof(issuer));
  BIO* const until = BIO_new(BIO_s_mem());
  MR_CHECK(until != nullptr) << "OpenSSL gives no buffer";
  const char* bytes = nullptr;
  if (ASN1_TIME_print(until, X509_get0_notAfter(certificate)) == 1) {
    const long size = BIO_get_mem_data(until, &bytes);
    text += " (signed by \"" + Shown(issuer) + "\", good until " + std::string(bytes, static_cast<size_t>(size)) + ")";
  }
  BIO_free(until);
  return text;
}

// What a server's alert says of the certificate that it was shown; nullptr where it is about something else.
const char* AboutOurs(int reason) {
  switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "no authority that it trusts has signed it";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "its time is over, or has not come";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "it was revoked";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return "it does not say why; its log may";
    default:
      return nullptr;
  }
}

// Why a key's file cannot be used, and what to do, by what OpenSSL said last.
std::string AboutKey(const std::string& path, const std::string& certfile) {
  const std::string said = "keyfile=" + path + " cannot be used: " + LastReason();
  const unsigned long error = ERR_peek_last_error();
  const bool other = ERR_GET_LIB(error) == ERR_LIB_X509 && (ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH ||
                                                            ERR_GET_REASON(error) == X509_R_KEY_TYPE_MISMATCH);
  if (other) return said + ": it is not the key of certfile=" + certfile + "; give the two that were made together";
  return said +
         "; it wants a key in PEM, with keyfile_password=env:NAME (or file:PATH) where it is encrypted: the right one";
}

// What OpenSSL asks where a key is encrypted; without this it would ask at the terminal.
int GivePassword(char* into, int size, int, void* data) {
  const auto& password = *static_cast<const std::string*>(data);
  const size_t length = std::min(password.size(), static_cast<size_t>(size));
  std::copy_n(password.data(), length, into);
  return static_cast<int>(length);
}

// "localhost, 127.0.0.1": whom a certificate is for.
std::string NamesOf(X509* certificate) {
  std::string names;
  const auto add = [&](const std::string& name) { names.append(names.empty() ? "" : ", ").append(name); };
  auto* const list = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list, i);
    const ASN1_STRING* const text = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                            static_cast<size_t>(ASN1_STRING_length(text)));
    if (name->type == GEN_DNS) {
      add(Shown(bytes) + (bytes.size() > 20 ? "…" : ""));
    } else if (bytes.size() == 4) {
      std::string address;
      for (const char c : bytes)
        address.append(address.empty() ? "" : ".").append(std::to_string(static_cast<unsigned char>(c)));
      add(address);
    } else {
      add("an IPv6 address");
    }
  }
  GENERAL_NAMES_free(list);
  return names.empty() ? "nobody (it has no subjectAltName)" : names;
}

}  // namespace

struct TlsSession::Library {
  ~Library() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  static int Verified(int good, X509_STORE_CTX* store) {
    auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const library = static_cast<Library*>(SSL_get_app_data(ssl));
    if (good == 0) library->names = NamesOf(X509_STORE_CTX_get0_cert(store));
    return good;
  }
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  BIO* in = nullptr;   // the connection's
  BIO* out = nullptr;  // the connection's
  std::string names;   // whom a certificate that was refused is for
};

TlsSession::TlsSession() : library_(std::make_unique<Library>()) {}
TlsSession::~TlsSession() = default;

absl::StatusOr<std::unique_ptr<TlsSession>> TlsSession::Open(const AmqpTls& settings, const std::string& host) {
  std::unique_ptr<TlsSession> session(new TlsSession());
  Library& library = *session->library_;
  session->host_ = settings.server_name.empty() ? host : settings.server_name;
  // OpenSSL takes an empty name for "any", and some of it reads one up to its first zero.
  if (session->host_.empty() || session->host_.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(
        "the bus URL: the name that the server's certificate must have is empty, or has a zero in it");
  ERR_clear_error();
  library.context = SSL_CTX_new(TLS_client_method());
  MR_CHECK(library.context != nullptr) << "OpenSSL gives no context";
  MR_CHECK(SSL_CTX_set_min_proto_version(library.context, TLS1_2_VERSION) == 1) << "OpenSSL knows no TLS 1.2";
  SSL_CTX_set_options(library.context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_default_passwd_cb(library.context, GivePassword);
  SSL_CTX_set_default_passwd_cb_userdata(library.context, const_cast<std::string*>(&settings.keyfile_password));
  const auto bad = [](const std::string& why) { return absl::InvalidArgumentError("the bus URL: " + why); };
  // OpenSSL's reasons for files that it cannot open do not tell which it was, or why.
  for (const auto& [parameter, path] : {std::pair<const char*, const std::string&>{"cacertfile", settings.cacertfile},
                                        {"certfile", settings.certfile},
                                        {"keyfile", settings.keyfile}}) {
    if (path.empty() || access(path.c_str(), R_OK) == 0) continue;
    return bad(std::string(parameter) + "=" + path + " cannot be used: " + std::generic_category().message(errno) +
               "; it wants a file in PEM that this user can read");
  }
  const auto bad_file = [&](const char* parameter, const std::string& path) {
    return bad(std::string(parameter) + "=" + path + " cannot be used: " + LastReason() + "; it wants a file in PEM");
  };
  if (settings.cacertfile.empty()) {
    if (SSL_CTX_set_default_verify_paths(library.context) != 1) return bad_file("cacertfile", "");
  } else if (SSL_CTX_load_verify_locations(library.context, settings.cacertfile.c_str(), nullptr) != 1) {
    return bad_file("cacertfile", settings.cacertfile);
  }
  if (!settings.certfile.empty()) {
    const std::string& key = settings.keyfile.empty() ? settings.certfile : settings.keyfile;
    if (SSL_CTX_use_certificate_chain_file(library.context, settings.certfile.c_str()) != 1)
      return bad_file("certfile", settings.certfile);
    if (SSL_CTX_use_PrivateKey_file(library.context, key.c_str(), SSL_FILETYPE_PEM) != 1)
      return bad(AboutKey(key, settings.certfile));
    session->ours_ = OwnCertificate(settings.certfile, SSL_CTX_get0_certificate(library.context));
  }
  library.ssl = SSL_new(library.context);
  MR_CHECK(library.ssl != nullptr) << "OpenSSL gives no connection";
  SSL_set_app_data(library.ssl, &library);
  library.in = BIO_new(BIO_s_mem());
  library.out = BIO_new(BIO_s_mem());
  MR_CHECK(library.in != nullptr && library.out != nullptr) << "OpenSSL gives no buffers";
  // An empty buffer is one that will be filled, not the end.
  BIO_set_mem_eof_return(library.in, -1);
  SSL_set_bio(library.ssl, library.in, library.out);
  SSL_set_connect_state(library.ssl);
  X509_VERIFY_PARAM* const verify = SSL_get0_param(library.ssl);
  const bool address = X509_VERIFY_PARAM_set1_ip_asc(verify, session->host_.c_str()) == 1;
  if (!address) {
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(verify, session->host_.data(), session->host_.size()) != 1 ||
        SSL_set_tlsext_host_name(library.ssl, session->host_.c_str()) != 1)
      return absl::InvalidArgumentError("the bus URL: \"" + session->host_ +
                                        "\" is no name that a server's certificate can have");
  }
  SSL_set_verify(library.ssl, settings.verify_peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                 settings.verify_peer ? Library::Verified : nullptr);
  session->Handshake();
  return session;
}

void TlsSession::Take(std::string_view bytes) {
  if (bytes.empty() || !why_.empty()) return;
  if (first_ && bytes[0] != kTlsHandshake && bytes[0] != kTlsAlert) {
    why_ = "what answers on this port does not speak TLS; it says \"" + Shown(bytes) +
           "\": take the port for TLS (5671 on most servers), or amqp:// in place of amqps://";
    return;
  }
  first_ = false;
  MR_CHECK(BIO_write(library_->in, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()));
}

bool TlsSession::Handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(library_->ssl);
  const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(library_->ssl, done);
  CollectOutput();
  if (done == 1) established_ = true;
  return established_ || error == SSL_ERROR_WANT_READ || Fail();
}

bool TlsSession::Read(ByteBuffer& plain) {
  if (!why_.empty()) return false;
  if (!established_ && !Handshake()) return false;
  while (established_) {
    char* const at = plain.Reserve(kRecordMax);
    ERR_clear_error();
    const int got = SSL_read(library_->ssl, at, kRecordMax);
    if (got > 0) {
      plain.CommitTo(at + got);
      continue;
    }
    const int error = SSL_get_error(library_->ssl, got);
    CollectOutput();
    if (error == SSL_ERROR_WANT_READ) return true;
    return Fail();
  }
  return true;
}

void TlsSession::Write(std::string_view plain) {
  MR_CHECK(established_) << "written before the handshake was over";
  while (!plain.empty()) {
    ERR_clear_error();
    const std::string_view piece = plain.substr(0, kRecordMax);
    // Into memory: it is taken whole, or the connection is over, which the next Read tells.
    if (SSL_write(library_->ssl, piece.data(), static_cast<int>(piece.size())) <= 0) break;
    plain.remove_prefix(piece.size());
  }
  CollectOutput();
}

void TlsSession::CollectOutput() {
  for (;;) {
    char* const at = output_.Reserve(kRecordMax);
    const int got = BIO_read(library_->out, at, kRecordMax);
    if (got <= 0) return;
    output_.CommitTo(at + got);
  }
}

// What to do about the certificate that the server was shown, or was not.
std::string TlsSession::AdviceOnOurs() const {
  const unsigned long error = ERR_peek_last_error();
  const char* const about = ERR_GET_LIB(error) == ERR_LIB_SSL ? AboutOurs(ERR_GET_REASON(error)) : nullptr;
  if (!ours_.empty() && about != nullptr)
    return "the server refuses our certificate, " + ours_ + ": " + about +
           "; give another with certfile=PATH and keyfile=PATH, signed by an authority that it trusts";
  const char* const wanted = "give certfile=PATH and keyfile=PATH, signed by an authority that it trusts";
  const bool asked =
      ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED;
  return (asked ? "the server wants a client's certificate: " : "where the server asks for a client's certificate, ") +
         std::string(wanted);
}

bool TlsSession::Fail() {
  const long verified = SSL_get_verify_result(library_->ssl);
  const bool other_name = verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH;
  if (established_ && SSL_get_shutdown(library_->ssl) != 0 && ERR_peek_last_error() == 0) {
    why_.clear();
  } else if (!library_->names.empty() && other_name) {
    why_ = "the server's certificate is not for " + host_ + " but for " + library_->names +
           ": connect by that name, or say server_name_indication=NAME where you know it is the right server";
  } else if (!library_->names.empty()) {
    why_ = "the server's certificate is not trusted: " + std::string(X509_verify_cert_error_string(verified)) +
           " (it is for " + library_->names + "); say with cacertfile=PATH which authority has signed it";
  } else {
    why_ = "TLS failed: " + LastReason() + "; " + AdviceOnOurs();
  }
  return false;
}

}  // namespace millrace::bus
