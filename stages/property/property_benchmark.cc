// Records per second of each stage on one core, over the real data: what a record costs a stage in parsing, serialising
// and its own work. The bus and the worker are not in it.
//
//   bazel run -c opt //stages/property:property_benchmark
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bus/check.h"
#include "stages/property/address_format.h"
#include "stages/property/checks.h"
#include "stages/property/embedded_data.h"
#include "stages/property/message_types.h"
#include "stages/property/record_parser.h"

namespace millrace::property {
namespace {

enum Feed : int64_t { kKingCounty, kVancouver, kReso };
constexpr std::string_view kTypes[] = {kRawKingCounty, kRawVancouverPermit, kRawReso};
constexpr char kData[] = "stages/property/data/";
constexpr char kResoRecord[] =
    R"({"ListingKey":"GEN-00001234","ListingId":"1234","OriginatingSystemName":"generated","StandardStatus":"Active","PropertyType":"Residential",
"ListPrice":749900,"ModificationTimestamp":"2024-05-01T12:00:00.250Z","StreetNumber":"1234","StreetDirPrefix":"W","StreetName":"10th","StreetSuffix":"Avenue",
"UnitNumber":"305","City":"Vancouver","StateOrProvince":"BC","PostalCode":"V6H 1J9","Country":"CA","Latitude":49.26311234,"Longitude":-123.13221234,
"BedroomsTotal":2,"BathroomsTotalInteger":2,"BathroomsFull":2,"LivingArea":84.5,"LivingAreaUnits":"Square Meters","YearBuilt":1998,
"PublicRemarks":"Bright corner home close to transit, schools and the sea wall.","PoolYN":false,"X_Locker":"B12"})";

// The raw records of a feed, that pass all checks.
std::vector<std::string> Load(Feed feed) {
  std::vector<std::string> records;
  if (feed == kReso) return std::vector<std::string>(1'000, kResoRecord);
  const std::string path =
      std::string(kData) + (feed == kKingCounty ? "us_king_county_sales/kc_house_data.csv"
                                                : "ca_vancouver_building_permits/building_permits.csv");
  std::ifstream in(path, std::ios::binary);
  MR_CHECK(in) << path << " cannot be read: run it with `bazel run`";
  const std::string csv{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  RecordParser parser;
  const RecordChecks checks;
  Listing listing;
  bool changed = false;
  std::string_view text = csv, line;
  TakeLine(text, line);
  while (TakeLine(text, line)) {
    if (parser.Parse(kTypes[feed], line, listing).ok() && checks.Check(listing, &changed).ok())
      records.emplace_back(line);
  }
  return records;
}

std::vector<std::string> LoadBodies(Feed feed) {
  std::vector<std::string> bodies;
  RecordParser parser;
  Listing listing;
  for (const std::string& raw : Load(feed)) {
    MR_CHECK(parser.Parse(kTypes[feed], raw, listing).ok());
    bodies.push_back(listing.SerializeAsString());
  }
  return bodies;
}

void Name(benchmark::State& state) {
  constexpr const char* kNames[] = {"king_county", "vancouver", "reso"};
  state.SetLabel(kNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations());
}

void BM_Parse(benchmark::State& state) {
  const auto feed = static_cast<Feed>(state.range(0));
  const std::vector<std::string> records = Load(feed);
  RecordParser parser;
  Listing listing;
  std::string body;
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.Parse(kTypes[feed], records[i], listing).ok());
    listing.SerializeToString(&body);
    benchmark::DoNotOptimize(body.data());
    if (++i == records.size()) i = 0;
  }
  Name(state);
}
BENCHMARK(BM_Parse)->Arg(kKingCounty)->Arg(kVancouver)->Arg(kReso);

void BM_Validate(benchmark::State& state) {
  const std::vector<std::string> bodies = LoadBodies(static_cast<Feed>(state.range(0)));
  const RecordChecks checks;
  Listing listing;
  std::string body;
  size_t i = 0;
  for (auto _ : state) {
    listing.ParseFromString(bodies[i]);
    bool changed = false;
    benchmark::DoNotOptimize(checks.Check(listing, &changed).ok());
    if (changed) listing.SerializeToString(&body);
    if (++i == bodies.size()) i = 0;
  }
  Name(state);
}
BENCHMARK(BM_Validate)->Arg(kKingCounty)->Arg(kVancouver)->Arg(kReso);

void BM_Address(benchmark::State& state) {
  const std::vector<std::string> bodies = LoadBodies(static_cast<Feed>(state.range(0)));
  AddressFormatter formatter;
  Listing listing;
  std::string body;
  size_t i = 0;
  for (auto _ : state) {
    listing.ParseFromString(bodies[i]);
    formatter.Standardise(listing);
    listing.SerializeToString(&body);
    benchmark::DoNotOptimize(body.data());
    if (++i == bodies.size()) i = 0;
  }
  Name(state);
}
BENCHMARK(BM_Address)->Arg(kKingCounty)->Arg(kVancouver)->Arg(kReso);

}  // namespace
}  // namespace millrace::property
