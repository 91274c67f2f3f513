// Build tool: turns data files into a C++ source, so that a binary carries its tables and works from any directory.
//
//   embed OUT.cc HEADER NAME=FILE...      defines  std::string_view NAME()  in namespace millrace::property for each
//
// The same files give the same bytes.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

// As a string literal, one line of source for each line of the file.
void WriteLiteral(std::string_view bytes, std::ostream& out) {
  out << '"';
  for (size_t i = 0; i < bytes.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(bytes[i]);
    if (c == '\n') {
      out << "\\n\"" << (i + 1 < bytes.size() ? "\n      \"" : "");
      if (i + 1 == bytes.size()) return;
    } else if (c == '"' || c == '\\' || c == '?') {
      out << '\\' << bytes[i];
    } else if (c < 0x20 || c > 0x7E) {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", c);
      out << octal;
    } else {
      out << bytes[i];
    }
  }
  out << '"';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: embed OUT.cc HEADER NAME=FILE...\n";
    return 2;
  }
  std::ofstream out(argv[1], std::ios::binary);
  out << "#include \"" << argv[2] << "\"\n\nnamespace millrace::property {\n";
  for (int i = 3; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    std::ifstream in(std::string(argument.substr(equals + 1)), std::ios::binary);
    if (equals == std::string_view::npos || !in) {
      std::cerr << "embed: cannot read " << argument << "\n";
      return 1;
    }
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    out << "\nstd::string_view " << argument.substr(0, equals) << "() {\n  static constexpr char kBytes[] =\n      ";
    WriteLiteral(bytes, out);
    out << ";\n  return {kBytes, sizeof kBytes - 1};\n}\n";
  }
  out << "\n}  // namespace millrace::property\n";
  out.flush();
  if (!out) {
    std::cerr << "embed: cannot write " << argv[1] << "\n";
    return 1;
  }
}
