#include "tests/cli/demo_stages.h"

#include <charconv>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "stages/receipts.h"

namespace millrace::demo {
namespace {

int64_t Number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class CountSource : public stages::Source {
 public:
  CountSource(int64_t count, int64_t bad_every) : count_(count), bad_every_(bad_every) {}

  absl::Status Seek(std::string_view position) override {
    next_ = Number(position);
    if (next_ > count_)
      return absl::InvalidArgumentError("there were more numbers before; count to at least " + std::string(position));
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Read(size_t records_max, stages::SourceSink& sink) override {
    for (size_t i = 0; i < records_max && next_ < count_; ++i) {
      const std::string number = std::to_string(next_);
      const std::string key = std::to_string(next_ % 31);
      const bool bad = bad_every_ > 0 && next_ % bad_every_ == 0;
      const std::string body = (bad ? "bad " : "good ") + number;
      const std::string id = "count:" + number, position = std::to_string(++next_);
      sink.Add({.id = id, .key = key, .body = body, .position = position});
    }
    return next_ < count_;
  }
  std::optional<double> Progress() const override {
    return count_ == 0 ? 1.0 : static_cast<double>(next_) / static_cast<double>(count_);
  }

 private:
  const int64_t count_;
  const int64_t bad_every_;
  int64_t next_ = 0;
};

class LinesSource : public stages::Source {
 public:
  explicit LinesSource(std::ifstream in) : in_(std::move(in)) {}

  absl::Status Seek(std::string_view position) override {
    in_.clear();
    in_.seekg(Number(position));
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Read(size_t records_max, stages::SourceSink& sink) override {
    std::string line;
    for (size_t i = 0; i < records_max; ++i) {
      const std::string id = "line:" + std::to_string(in_.tellg());
      if (!std::getline(in_, line)) return false;
      if (line == "broken input") return absl::InvalidArgumentError("not a file of lines; give another");
      const std::string position = std::to_string(in_.eof() ? -1 : static_cast<int64_t>(in_.tellg()));
      sink.Add({.id = id, .body = line, .position = position});
    }
    return true;
  }

 private:
  std::ifstream in_;
};

class Check : public stages::Stage {
 public:
  Check(int64_t fail_first, int64_t micros, const Clock* clock)
      : fail_first_(fail_first), work_(micros * 1000), clock_(clock) {}

  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    const std::string_view body = message.body.value_or("");
    const int64_t number = Number(body.substr(body.rfind(' ') + 1));
    for (const MonotonicTime end = clock_->Now() + Duration(work_); work_ > 0 && clock_->Now() < end;) {
    }
    if (body.find("bad") != std::string_view::npos) {
      return absl::InvalidArgumentError("Value: expected a good number; found \"" + std::string(body) + "\"");
    }
    if (fail_first_ > 0 && number % fail_first_ == 0 && context.attempt() == 1)
      return absl::InternalError("not this time");
    return outputs.Emit({.to = "good", .body = body});
  }

 private:
  const int64_t fail_first_;
  const int64_t work_;
  const Clock* clock_;
};

class Copies : public stages::Stage {
 public:
  explicit Copies(int copies) : copies_(copies) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    absl::Status status;
    for (int i = 0; i < copies_; ++i) status.Update(outputs.Emit({.body = message.body}));
    return status;
  }

 private:
  const int copies_;
};

// Receipts in a file, a line each: id, root, share, end. A line that was cut has no end.
class Book : public stages::Port, public stages::ReceiptSource {
 public:
  explicit Book(std::string path) : path_(std::move(path)), out_(path_, std::ios::app) { out_ << std::endl; }

  absl::Status Write(const stages::Context& context) {
    std::lock_guard<std::mutex> lock(mutex_);
    out_ << context.id() << " " << context.root() << " " << context.share() << " end" << std::endl;
    return out_ ? absl::OkStatus() : absl::UnavailableError("cannot write " + path_);
  }
  absl::Status ForEachReceipt(const std::function<void(const stages::Receipt&)>& callback) override {
    std::ifstream in(path_);
    std::string line;
    while (std::getline(in, line)) {
      const size_t one = line.find(' '), two = line.find(' ', one + 1), three = line.find(" end");
      if (three == std::string::npos) continue;
      callback({.id = line.substr(0, one),
                .root = line.substr(one + 1, two - one - 1),
                .share = line.substr(two + 1, three - two - 1)});
    }
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  std::mutex mutex_;
  std::ofstream out_;
};

class Keep : public stages::Stage {
 public:
  explicit Keep(Book* book) : book_(book) {}
  absl::Status Process(stages::Context& context, const bus::Message&, stages::Outputs&) override {
    return book_->Write(context);
  }

 private:
  Book* book_;
};

absl::Status AddSources(stages::Registry& registry) {
  absl::Status status = registry.AddSource(
      {.kind = "count",
       .summary = "numbers from 0",
       .options = {{.key = "count", .summary = "how many", .required = true},
                   {.key = "bad_every", .summary = "which are bad"}},
       .make = [](const stages::SourceConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Source>> {
         const absl::StatusOr<int64_t> count = config.options.GetInt("count", 0, 0, INT64_MAX);
         if (!count.ok()) return count.status();
         const absl::StatusOr<int64_t> bad_every = config.options.GetInt("bad_every", 0, 0, INT64_MAX);
         if (!bad_every.ok()) return bad_every.status();
         return std::make_unique<CountSource>(*count, *bad_every);
       }});
  status.Update(registry.AddSource(
      {.kind = "lines",
       .summary = "lines of a file",
       .options = {{.key = "file", .summary = "what to read", .required = true, .path = true}},
       .make = [](const stages::SourceConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Source>> {
         const std::string file = config.options.Get("file");
         const std::string path = file[0] == '/' ? file : config.base_dir + "/" + file;
         std::ifstream in(path);
         if (!in) return absl::NotFoundError("cannot read " + path + "; give a file that is there");
         return std::make_unique<LinesSource>(std::move(in));
       }}));
  return status;
}

absl::StatusOr<std::unique_ptr<stages::Stage>> MakeCheck(const stages::StageConfig& config) {
  const absl::StatusOr<int64_t> fail_first = config.options.GetInt("fail_first", 0, 0, INT64_MAX);
  if (!fail_first.ok()) return fail_first.status();
  const absl::StatusOr<int64_t> micros = config.options.GetInt("micros", 0, 0, 1'000'000);
  if (!micros.ok()) return micros.status();
  return std::make_unique<Check>(*fail_first, *micros, config.clock);
}

absl::StatusOr<std::unique_ptr<stages::Stage>> MakeKeep(const stages::StageConfig& config) {
  Book* book = config.ports->Find<Book>("book");
  if (book == nullptr) return absl::InvalidArgumentError("the port \"book\" is of another kind");
  return std::make_unique<Keep>(book);
}

stages::StageKind CopiesKind(std::string kind, int copies, bool sink) {
  return {.kind = std::move(kind), .summary = "copies", .sink = sink, .make = [copies](const stages::StageConfig&) {
            return std::make_unique<Copies>(copies);
          }};
}

}  // namespace

absl::Status RegisterStages(stages::Registry& registry) {
  absl::Status status = AddSources(registry);
  status.Update(registry.AddStage({.kind = "check",
                                   .summary = "refuses what is bad",
                                   .options = {{.key = "fail_first", .summary = "which fail once"},
                                               {.key = "micros", .summary = "how long each takes"}},
                                   .outputs = {"good"},
                                   .make = MakeCheck}));
  status.Update(registry.AddStage(CopiesKind("split", 2, false)));
  status.Update(registry.AddStage(CopiesKind("copy", 1, false)));
  status.Update(registry.AddStage(CopiesKind("end", 0, false)));
  status.Update(registry.AddStage(CopiesKind("lose", 0, true)));
  status.Update(registry.AddStage(
      {.kind = "keep", .summary = "writes receipts", .ports = {"book"}, .sink = true, .make = MakeKeep}));
  status.Update(
      registry.AddPort({.kind = "book",
                        .summary = "receipts in a file",
                        .make = [](const stages::PortConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
                          return std::make_unique<Book>(config.out_dir + "/book.txt");
                        }}));
  return status;
}

}  // namespace millrace::demo
