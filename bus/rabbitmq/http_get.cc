#include "bus/rabbitmq/http_get.h"

#include <curl/curl.h>

#include <cctype>
#include <memory>

#include "bus/check.h"

namespace millrace::bus {
namespace {

constexpr long kTimeoutMs = 10'000;
constexpr long kConnectTimeoutMs = 3'000;
constexpr size_t kAnswerMax = 256 << 20;

size_t Append(char* data, size_t size, size_t count, void* into) {
  auto& answer = *static_cast<std::string*>(into);
  if (answer.size() + size * count > kAnswerMax) return 0;
  answer.append(data, size * count);
  return size * count;
}

}  // namespace

absl::StatusOr<std::string> HttpGet(const std::string& url, const HttpLogin& login) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  MR_CHECK(ready == CURLE_OK) << "libcurl cannot be set up";
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  MR_CHECK(curl != nullptr) << "libcurl gives no handle";
  std::string answer;
  char why[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  if (!login.tls.cacertfile.empty()) curl_easy_setopt(curl.get(), CURLOPT_CAINFO, login.tls.cacertfile.c_str());
  if (!login.tls.certfile.empty()) {
    const std::string& key = login.tls.keyfile.empty() ? login.tls.certfile : login.tls.keyfile;
    curl_easy_setopt(curl.get(), CURLOPT_SSLCERT, login.tls.certfile.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_SSLKEY, key.c_str());
    if (!login.tls.keyfile_password.empty())
      curl_easy_setopt(curl.get(), CURLOPT_KEYPASSWD, login.tls.keyfile_password.c_str());
  }
  if (!login.tls.verify_peer) {
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!login.user.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl.get(), CURLOPT_USERNAME, login.user.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PASSWORD, login.password.c_str());
  }
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK)
    return absl::UnavailableError(url + ": " + (why[0] != '\0' ? why : curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return answer;
  const std::string text = url + ": HTTP status " + std::to_string(status);
  if (status == 404) return absl::NotFoundError(text);
  if (status == 401 || status == 403) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

std::string UrlEncoded(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace millrace::bus
