// Reads AMQP field tables, RabbitMQ's dialect, from bytes that anybody may have written.
//
//   FieldTable table(bytes);
//   while (std::optional<Field> field = table.Next()) { ... field->name ... AppendAsText(*field, text); }
//   if (!table.ok()) …                              // the bytes are no table
//
// Threading: values. Ownership: views into the bytes.
#ifndef MILLRACE_BUS_RABBITMQ_FIELD_TABLE_H_
#define MILLRACE_BUS_RABBITMQ_FIELD_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::bus {

struct Field {
  std::string_view name;
  char kind = 'V';         // t b B s u I i l L f d D S x A T F V
  std::string_view value;  // as on the wire; of S, x, A and F without their length
};

class FieldTable {
 public:
  // The content of a table, without its length.
  explicit FieldTable(std::string_view bytes) : rest_(bytes) {}
  // nullopt at the end, and where the bytes make no sense.
  std::optional<Field> Next();
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// The value of a field of integer kind; nullopt for others.
std::optional<int64_t> IntegerOf(const Field& field);

// Appends the value in words: numbers in decimal, true and false, strings and byte arrays as they are, arrays and
// tables as JSON (where text that is not UTF-8 has \u00XX for each of its bytes from 0x80). A timestamp is its seconds.
// What is nested deeper than 32 levels, or broken inside, is appended as it lies on the wire. Nothing for V.
void AppendAsText(const Field& field, std::string& out);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_FIELD_TABLE_H_
