// How fast the ends of the pipeline are by themselves: taking inputs apart, generating pages, writing to SQLite. One
// record is one item.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bus/digest.h"
#include "stages/property/feed.h"
#include "stages/property/generator.h"
#include "stages/property/record_parser.h"
#include "stages/property/store_port.h"
#include "stages/property/store_simulated.h"

namespace millrace::property {
namespace {

class CountingSink final : public stages::SourceSink {
 public:
  void Add(const stages::SourceRecord& record) override {
    ++records;
    bytes += record.body.size();
  }
  uint64_t records = 0, bytes = 0;
};

std::string WorkFolder() {
  const char* folder = getenv("BENCHMARK_FOLDER");
  const std::string path = folder != nullptr ? folder : std::filesystem::temp_directory_path() / "feed_store_benchmark";
  std::filesystem::create_directories(path);
  return path;
}

void ReadFeed(benchmark::State& state, const stages::Options& options) {
  uint64_t records = 0, bytes = 0;
  for (auto _ : state) {
    auto feed = PropertyFeed::Open({.name = "feed", .base_dir = "", .out_dir = "", .options = options});
    CountingSink sink;
    while (*(*feed)->Read(256, sink)) {
    }
    records += sink.records;
    bytes += sink.bytes;
  }
  state.SetItemsProcessed(static_cast<int64_t>(records));
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

// Lines as in the King County file.
void BM_ReadCsv(benchmark::State& state) {
  const std::string path = WorkFolder() + "/sales.csv";
  {
    std::ofstream file(path);
    file << "id,date,price,bedrooms,bathrooms,sqft_living,sqft_lot,floors,waterfront,view,condition,grade,sqft_above,"
            "sqft_basement,yr_built,"
            "yr_renovated,zipcode,lat,long,sqft_living15,sqft_lot15\n";
    for (int i = 0; i < 200'000; ++i) {
      file << "\"71293" << 10'000 + i % 90'000 << "\",\"20141013T000000\"," << 200'000 + i
           << ",3,1,1180,5650,\"1\",0,0,3,7,1180,0,1955,0,\"98178\",47.5112,-122.257,1340,5650\n";
    }
  }
  stages::Options options;
  options.Add("king_county", path);
  ReadFeed(state, options);
}
BENCHMARK(BM_ReadCsv)->Unit(benchmark::kMillisecond);

void BM_GeneratePages(benchmark::State& state) {
  const Generator generator({.seed = 7, .count = 100'000});
  std::string page;
  uint64_t bytes = 0;
  for (auto _ : state) {
    for (uint64_t p = 0; p < generator.pages(); ++p) {
      generator.WritePage(p, &page);
      bytes += page.size();
    }
  }
  state.SetItemsProcessed(state.iterations() * 100'000);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_GeneratePages)->Unit(benchmark::kMillisecond);

void BM_GenerateAndTakeApart(benchmark::State& state) {
  stages::Options options;
  options.Add("generate", "100000");
  ReadFeed(state, options);
}
BENCHMARK(BM_GenerateAndTakeApart)->Unit(benchmark::kMillisecond);

struct Kept {
  std::string id, root, digest, body;
  Listing listing;
};

// Sound generated records, parsed.
std::vector<Kept> MakeListings(uint64_t count) {
  const Generator generator({.seed = 7, .count = count});
  RecordParser parser;
  std::vector<Kept> kept;
  std::string raw;
  for (uint64_t i = 0; i < count; ++i) {
    raw.clear();
    generator.WriteRecord(i, &raw);
    Kept one;
    if (!parser.Parse(kRawReso, raw, one.listing).ok()) continue;
    one.body = one.listing.SerializeAsString();
    one.id.resize(32);
    bus::WriteHex(bus::DigestOf("id " + std::to_string(i)), one.id.data());
    one.root = "generate:page-" + std::to_string(i / 100) + ".json:" + std::to_string(i % 100) + ":0123456789abcdef";
    one.digest.resize(16);
    bus::WriteHex(bus::Digest64(one.body), one.digest.data());
    kept.push_back(std::move(one));
  }
  return kept;
}

// Batches of 512. The second argument: 1 waits for the disk in each transaction.
void BM_Store(benchmark::State& state) {
  const std::vector<Kept> kept = MakeListings(static_cast<uint64_t>(state.range(0)));
  const auto sync = state.range(1) == 1 ? SqliteStore::Sync::kFull : SqliteStore::Sync::kNormal;
  constexpr size_t kBatch = 512;
  for (auto _ : state) {
    state.PauseTiming();
    const std::string path = WorkFolder() + "/bench.sqlite";
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    auto store = SqliteStore::Open(path, sync);
    std::vector<StoreRow> rows;
    state.ResumeTiming();
    for (size_t at = 0; at < kept.size(); at += kBatch) {
      rows.clear();
      for (size_t i = at; i < std::min(kept.size(), at + kBatch); ++i) {
        rows.push_back({.id = kept[i].id,
                        .root = kept[i].root,
                        .share = "",
                        .message_digest = kept[i].digest,
                        .listing = &kept[i].listing,
                        .body = kept[i].body});
      }
      if (absl::Status written = (*store)->Write(rows); !written.ok())
        state.SkipWithError(std::string(written.message()).c_str());
    }
    if (absl::Status closed = (*store)->Close(); !closed.ok()) state.SkipWithError("close");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kept.size()));
}
BENCHMARK(BM_Store)
    ->Args({60'000, 0})
    ->Args({60'000, 1})
    ->Args({300'000, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

class NoWorld final : public stages::PortWorld {
 public:
  absl::Status Enter(std::string_view) override { return absl::OkStatus(); }
  void Effect(const stages::PortEffect&) override {}
  absl::Status Leave() override { return absl::OkStatus(); }
};

// What a simulated run pays: making the store, that many records one at a time, and reading its state.
void BM_SimulatedStore(benchmark::State& state) {
  const std::vector<Kept> kept = MakeListings(static_cast<uint64_t>(state.range(0)));
  NoWorld world;
  for (auto _ : state) {
    auto store = SimulatedStore::Make(&world);
    for (const Kept& one : kept) {
      StoreRow row{.id = one.id,
                   .root = one.root,
                   .share = "",
                   .message_digest = one.digest,
                   .listing = &one.listing,
                   .body = one.body};
      if (absl::Status written = (*store)->Write({&row, 1}); !written.ok()) state.SkipWithError("write");
    }
    size_t bytes = 0;
    (*store)->ForEachState([&](std::string_view key, std::string_view value) { bytes += key.size() + value.size(); });
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(BM_SimulatedStore)->Arg(0)->Arg(10)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace millrace::property
