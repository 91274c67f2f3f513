#include "bus/memory/queue_wire.h"

#include <cstring>

namespace millrace::bus {

namespace {

// Calls `take` for each view of a request, in the order in which a StoredRequest keeps them.
template <class Take>
void ForEachView(Request& request, const Take& take) {
  take(request.exchange);
  take(request.queue);
  take(request.routing_key);
  if (request.message.key.has_value()) take(*request.message.key);
  if (request.message.body.has_value()) take(*request.message.body);
  std::string_view headers = request.message.headers.block();
  take(headers);
  request.message.headers = Headers(headers);
}

}  // namespace

void StoredRequest::Assign(const Request& request) {
  fixed_ = request;
  if (request.arguments != nullptr) {
    arguments_ = *request.arguments;
  } else if (arguments_.has_value()) {
    arguments_.reset();
  }
  size_t size = 0;
  ForEachView(fixed_, [&size](std::string_view& view) { size += view.size(); });
  if (bytes_.size() < size) bytes_.resize(size);
  char* at = bytes_.data();
  ForEachView(fixed_, [&at](std::string_view& view) {
    if (view.empty()) return;
    std::memcpy(at, view.data(), view.size());
    at += view.size();
  });
}

Request StoredRequest::View() const {
  Request request = fixed_;
  request.arguments = arguments_.has_value() ? &*arguments_ : nullptr;
  const char* at = bytes_.data();
  ForEachView(request, [&at](std::string_view& view) {
    view = {at, view.size()};
    at += view.size();
  });
  return request;
}

}  // namespace millrace::bus
