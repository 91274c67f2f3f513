#include "bus/rabbitmq/http_get.h"

#include <curl/curl.h>

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

using Text = std::unique_ptr<char, void (*)(void*)>;

Text PartOf(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  curl_url_get(url, part, &text, flags);
  return {text, curl_free};
}

// TLS goes by the name in a URL, for what is asked of the server and for what its certificate must say. So the URL gets the
// name, and curl is told at which host and port that is.
struct Renamed {
  std::string url;
  std::string where;  // for CURLOPT_CONNECT_TO
};

absl::StatusOr<Renamed> Rename(const std::string& url, const std::string& name) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parts(curl_url(), curl_url_cleanup);
  MR_CHECK(parts != nullptr) << "libcurl gives no handle";
  const bool taken = curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  const Text host = PartOf(parts.get(), CURLUPART_HOST);
  const Text port = PartOf(parts.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  // An address of IPv6 stands in brackets there.
  const std::string shown = name.find(':') == std::string::npos ? name : "[" + name + "]";
  const bool renamed = curl_url_set(parts.get(), CURLUPART_HOST, shown.c_str(), 0) == CURLUE_OK;
  const Text whole = PartOf(parts.get(), CURLUPART_URL);
  if (!taken || !renamed || host == nullptr || port == nullptr || whole == nullptr)
    return absl::UnavailableError("this is no URL for server_name_indication=" + name);
  return Renamed{whole.get(), shown + ":" + port.get() + ":" + host.get() + ":" + port.get()};
}

}  // namespace

absl::StatusOr<std::string> HttpGet(const std::string& url, const HttpLogin& login) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  MR_CHECK(ready == CURLE_OK) << "libcurl cannot be set up";
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  MR_CHECK(curl != nullptr) << "libcurl gives no handle";
  std::string answer;
  char why[CURL_ERROR_SIZE] = "";
  const std::string shown = url.substr(0, url.find('?'));
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> where(nullptr, curl_slist_free_all);
  if (!login.tls.server_name.empty() && url.rfind("https://", 0) == 0) {
    const absl::StatusOr<Renamed> renamed = Rename(url, login.tls.server_name);
    if (!renamed.ok()) return absl::UnavailableError(shown + ": " + std::string(renamed.status().message()));
    curl_easy_setopt(curl.get(), CURLOPT_URL, renamed->url.c_str());
    where.reset(curl_slist_append(nullptr, renamed->where.c_str()));
    curl_easy_setopt(curl.get(), CURLOPT_CONNECT_TO, where.get());
  }
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
    return absl::UnavailableError(shown + ": " + (why[0] != '\0' ? why : curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return answer;
  const std::string text = shown + ": HTTP status " + std::to_string(status);
  if (status == 404) return absl::NotFoundError(text);
  if (status == 401 || status == 403) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

}  // namespace millrace::bus
