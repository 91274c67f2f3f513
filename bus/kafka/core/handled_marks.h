// Which records of a kept topic have been taken out. Kafka removes no single record, so what is redriven or purged is
// marked by records of another topic, `TOPIC.handled`: they last as long as the dead letters do (commits of a group
// would expire after a week), and marks of several operators add up.
//
// A record of that topic has a line for each mark, "<partition> <offset> <digest>": the digest of the record that is
// meant, so that marks of a topic that was deleted and made anew hide nothing.
//
// Threading: values.
#ifndef MILLRACE_BUS_KAFKA_CORE_HANDLED_MARKS_H_
#define MILLRACE_BUS_KAFKA_CORE_HANDLED_MARKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "bus/message.h"

namespace millrace::bus {

struct HandledMark {
  int32_t partition = 0;
  int64_t offset = 0;
  uint64_t digest = 0;
};

// Of key, headers and body.
uint64_t DigestOfRecord(const Message& message);

void AppendMark(const HandledMark& mark, std::string* body);

class HandledMarks {
 public:
  void Add(const HandledMark& mark) { marks_[{mark.partition, mark.offset}] = mark.digest; }
  // The marks of one record; lines that are none are passed over: anybody may write to a topic.
  void AddAll(std::string_view body);
  bool Has(const HandledMark& mark) const;
  size_t size() const { return marks_.size(); }

 private:
  std::map<std::pair<int32_t, int64_t>, uint64_t> marks_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CORE_HANDLED_MARKS_H_
