#include "bus/memory/queue_wire.h"

namespace millrace::bus {

void StoredRequest::Assign(const Request& request) {
  fixed_ = request;
  exchange_ = request.exchange;
  queue_ = request.queue;
  routing_key_ = request.routing_key;
  arguments_.reset();
  if (request.arguments != nullptr) arguments_ = *request.arguments;
  has_key_ = request.message.key.has_value();
  has_body_ = request.message.body.has_value();
  key_ = request.message.key.value_or(std::string_view());
  body_ = request.message.body.value_or(std::string_view());
  headers_ = request.message.headers.block();
}

Request StoredRequest::View() const {
  Request request = fixed_;
  request.exchange = exchange_;
  request.queue = queue_;
  request.routing_key = routing_key_;
  request.arguments = arguments_.has_value() ? &*arguments_ : nullptr;
  request.message.key = has_key_ ? std::optional<std::string_view>(key_) : std::nullopt;
  request.message.body = has_body_ ? std::optional<std::string_view>(body_) : std::nullopt;
  request.message.headers = Headers(headers_);
  return request;
}

}  // namespace millrace::bus
