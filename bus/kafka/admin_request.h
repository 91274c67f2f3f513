// One administrative request to librdkafka and its answer.
//
// Blocking: Answer. Threading: one thread.
#ifndef MILLRACE_BUS_KAFKA_ADMIN_REQUEST_H_
#define MILLRACE_BUS_KAFKA_ADMIN_REQUEST_H_

#include "bus/kafka/rdkafka.h"

namespace millrace::bus {

inline constexpr int kAdminTimeoutMs = 10'000;

using RdAdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, RdFree<rd_kafka_AdminOptions_destroy>>;

class AdminRequest {
 public:
  AdminRequest(rd_kafka_t* handle, rd_kafka_admin_op_t op, int timeout_ms = kAdminTimeoutMs)
      : timeout_ms_(timeout_ms), queue_(rd_kafka_queue_new(handle)), options_(rd_kafka_AdminOptions_new(handle, op)) {
    char why[256];
    rd_kafka_AdminOptions_set_request_timeout(options_.get(), timeout_ms, why, sizeof(why));
  }
  rd_kafka_queue_t* queue() const { return queue_.get(); }
  rd_kafka_AdminOptions_t* options() const { return options_.get(); }
  // Nothing where none came.
  rd_kafka_event_t* Answer() {
    event_.reset(rd_kafka_queue_poll(queue_.get(), timeout_ms_ + 1000));
    return event_.get();
  }
  rd_kafka_resp_err_t error() const {
    return event_ == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event_.get());
  }

 private:
  const int timeout_ms_;
  RdQueue queue_;
  RdAdminOptions options_;
  RdEvent event_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_ADMIN_REQUEST_H_
