// Writes JSON, piece by piece, into a string. What is valid stays valid whatever bytes come in.
//
//   JsonWriter json(&out);
//   json.Open('{').Key("lost").Number(0).Key("stages").Open('[').Close(']').Close('}');
//
// Threading: one thread. Ownership: the string is the caller's.
#ifndef MILLRACE_OPS_JSON_WRITER_H_
#define MILLRACE_OPS_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::ops {

class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(out) {}

  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  JsonWriter& Key(std::string_view key);
  // Bytes that are no UTF-8 become U+FFFD.
  JsonWriter& String(std::string_view value);
  JsonWriter& Number(uint64_t value);
  JsonWriter& Seconds(double value);  // with three decimals
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  // `key` with the value as text where it is UTF-8, else `key`_base64 with it in base64: nothing is lost.
  JsonWriter& Bytes(std::string_view key, std::string_view value);

 private:
  void Separate();

  std::string* out_;
  bool first_ = true;  // nothing in this bracket yet
  bool after_key_ = false;
};

// Whether the bytes are UTF-8 (Unicode 15, table 3-7: no surrogates, nothing overlong).
bool IsUtf8(std::string_view bytes);
std::string Base64(std::string_view bytes);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_JSON_WRITER_H_
