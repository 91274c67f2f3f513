// One administrative request to librdkafka and its answer.
//
// librdkafka 2.0.2 ends the process when a request to a group's coordinator has run into its own time-out before the
// coordinator was found, and that is found later: rd_kafka_admin_coord_request lets go of its last hold on what
// rd_kafka_coord_req_fail answers next. So librdkafka is told a time-out that nothing reaches, and who waits here gives
// up earlier. A handle that outlives that by long is to be destroyed then (KafkaGroupOffsets).
//
// Blocking: Answer, up to the time-out. Threading: one thread.
#ifndef MILLRACE_BUS_KAFKA_ADMIN_REQUEST_H_
#define MILLRACE_BUS_KAFKA_ADMIN_REQUEST_H_

#include "bus/kafka/rdkafka.h"

namespace millrace::bus {

inline constexpr int kAdminTimeoutMs = 10'000;
inline constexpr int kAdminTimeoutMaxMs = 3'600'000;  // the most that librdkafka takes

using RdAdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, RdFree<rd_kafka_AdminOptions_destroy>>;

class AdminRequest {
 public:
  AdminRequest(rd_kafka_t* handle, rd_kafka_admin_op_t op, int timeout_ms = kAdminTimeoutMs)
      : timeout_ms_(timeout_ms), queue_(rd_kafka_queue_new(handle)), options_(rd_kafka_AdminOptions_new(handle, op)) {
    char why[256];
    rd_kafka_AdminOptions_set_request_timeout(options_.get(), kAdminTimeoutMaxMs, why, sizeof(why));
  }
  rd_kafka_queue_t* queue() const { return queue_.get(); }
  rd_kafka_AdminOptions_t* options() const { return options_.get(); }
  // Nothing where none came.
  rd_kafka_event_t* Answer() {
    event_.reset(rd_kafka_queue_poll(queue_.get(), timeout_ms_));
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
