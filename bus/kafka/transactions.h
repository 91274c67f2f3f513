// The transactions of one producer's handle: the core's requests (kInitProducer, kTransactOffset, kEndTransaction, and
// kOffsets of a group) by librdkafka's transactional API.
//
// Each call of that API waits for brokers, so it is made on the thread beside (background.h), with a time-out of half a
// second (a commit's and that of offsets is five, and a request's ten), and again until it is done or the transaction's time and five seconds
// have gone by on the clock; only rd_kafka_begin_transaction, which asks no broker, is made here. What becomes of an answer
// decides core/transaction_call.h. A handle is initialised once: after a fatal error, fencing, or a commit of
// which nobody knows, the link ends the connection, and the core goes on with a new handle under the same id.
//
// Threading: one thread. Blocking: Close, up to a second where an abort was asked for and has no answer.
// Ownership: clock, background, topics and events outlive it; the handle until Close.
#ifndef MILLRACE_BUS_KAFKA_TRANSACTIONS_H_
#define MILLRACE_BUS_KAFKA_TRANSACTIONS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/kafka/background.h"
#include "bus/kafka/core/kafka_url.h"
#include "bus/kafka/core/transaction_call.h"
#include "bus/kafka/group_offsets.h"
#include "bus/kafka/rdkafka.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

class KafkaTransactions {
 public:
  // Answers go to the end of `events`; `topics` by id, as the core has them.
  KafkaTransactions(const KafkaUrl& url, const TransactionOptions& options, const Clock& clock,
                    KafkaBackground& background, const std::vector<std::string>& topics, std::vector<LogEvent>& events);

  bool on() const { return !options_.id.empty(); }
  // What a handle needs for it.
  KafkaProperties Properties() const;

  void Open(rd_kafka_t* handle);
  // The background thread is at rest.
  void Close();

  // Of one call; kTransactOffsets go out as one request.
  void Send(std::span<const LogRequest> requests);
  // Something is to be produced. False: the handle is no good any more.
  bool Begin();

  // Which transaction of this handle it is, or was the last.
  uint64_t number() const { return number_; }
  // Until when something of a transaction is waited for that begins now.
  MonotonicTime GiveUp() const;

  // Has the handle given up; then whether that is so, and the event that says it.
  void Lose(rd_kafka_resp_err_t error, std::string text);
  bool lost() const { return lost_; }
  LogEvent Disconnected() const;

 private:
  struct Call {
    KafkaTransactionCall kind = KafkaTransactionCall::kInit;
    uint64_t id = 0;     // of the request; of kOffsets the first
    uint64_t count = 1;  // kOffsets
    MonotonicTime give_up;
    // kOffsets
    std::shared_ptr<rd_kafka_topic_partition_list_t> offsets;
    std::shared_ptr<rd_kafka_consumer_group_metadata_t> group;
  };

  void SendOffsets(std::span<const LogRequest> requests);
  void AskCommitted(const LogRequest& request);
  void Ask(Call call, Duration pause);
  void OnAnswer(Call call, const KafkaTransactionAnswer& answer, rd_kafka_resp_err_t error, const std::string& text);
  // `words`: the broker's, of a refusal.
  void Answer(LogMethod method, uint64_t id, LogError error, const absl::Status& words = absl::OkStatus());

  const TransactionOptions options_;
  const Clock& clock_;
  KafkaBackground& background_;
  const std::vector<std::string>& topics_;
  std::vector<LogEvent>& events_;
  KafkaGroupOffsets committed_;  // of the thread beside
  rd_kafka_t* handle_ = nullptr;
  uint64_t number_ = 0;
  bool begun_ = false;     // librdkafka is in a transaction
  bool aborting_ = false;  // an abort has no answer yet
  bool lost_ = false;
  rd_kafka_resp_err_t lost_error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string lost_text_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_TRANSACTIONS_H_
