#include "stages/property/store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "stages/property/body.h"
#include "stages/property/errors.h"
#include "stages/property/store_simulated.h"

namespace millrace::property {
namespace {

constexpr std::string_view kPortName = "store";

absl::StatusOr<SqliteStore::Sync> SyncOf(const stages::PortConfig& config) {
  const std::string sync = config.options.Get("synchronous", "full");
  if (sync == "full") return SqliteStore::Sync::kFull;
  if (sync == "normal") return SqliteStore::Sync::kNormal;
  return absl::InvalidArgumentError(
      absl::StrCat("port ", config.name, ": option synchronous is \"", sync, "\": expected full or normal"));
}

absl::StatusOr<std::unique_ptr<stages::Port>> MakeSqlite(const stages::PortConfig& config) {
  std::string path = config.options.Get("path", "listings.sqlite");
  if (path.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("port ", config.name, ": option path is empty: expected a file name"));
  if (path.front() != '/') {
    if (config.out_dir.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("port ", config.name, ": ", path, " lies in the output folder, and there is none: give one"));
    }
    path = absl::StrCat(config.out_dir, "/", path);
  }
  absl::StatusOr<SqliteStore::Sync> sync = SyncOf(config);
  if (!sync.ok()) return sync.status();
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(path, *sync);
  if (!store.ok()) return store.status();
  return std::unique_ptr<stages::Port>(std::move(*store));
}

absl::StatusOr<std::unique_ptr<stages::Port>> MakeSimulated(const stages::PortConfig& config,
                                                            stages::PortWorld* world) {
  if (absl::Status sync = SyncOf(config).status(); !sync.ok()) return sync;
  absl::StatusOr<std::unique_ptr<SimulatedStore>> store = SimulatedStore::Make(world);
  if (!store.ok()) return store.status();
  return std::unique_ptr<stages::Port>(std::move(*store));
}

absl::StatusOr<std::unique_ptr<stages::BatchStage>> MakeStore(const stages::StageConfig& config) {
  ListingStore* store = config.ports == nullptr ? nullptr : config.ports->Find<ListingStore>(kPortName);
  if (store == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("stage ", config.name, " needs a port named \"",
                                                   std::string(kPortName),
                                                   "\" of a kind that stores listings (sqlite)"));
  }
  return std::unique_ptr<stages::BatchStage>(std::make_unique<StoreStage>(store));
}

}  // namespace

absl::Status StoreStage::Fill(const stages::BatchItem& item, size_t place, StoreRow* row) {
  Listing& listing = listings_[place];
  if (absl::Status read = ReadListing(item.message, listing); !read.ok()) return read;
  if (listing.listing_key().empty()) return Bad("ListingKey", "missing");
  if (!listing.has_modification_timestamp_us()) return Bad("ModificationTimestamp", "missing");
  *row = {.id = item.context.id(),
          .root = item.context.root(),
          .share = item.context.share(),
          .listing = &listing,
          .body = *item.message.body};
  const std::optional<std::string_view> digest = item.message.headers.Find(bus::kHeaderDigest);
  if (digest.has_value()) {
    row->message_digest = *digest;
  } else {
    digests_[place].resize(16);
    bus::WriteHex(bus::Digest64(row->body), digests_[place].data());
    row->message_digest = digests_[place];
  }
  return absl::OkStatus();
}

void StoreStage::Process(std::span<stages::BatchItem> batch) {
  if (listings_.size() < batch.size()) {
    listings_.resize(batch.size());
    digests_.resize(batch.size());
  }
  rows_.clear();
  items_.clear();
  for (stages::BatchItem& item : batch) {
    StoreRow row;
    item.status = Fill(item, rows_.size(), &row);
    if (!item.status.ok()) continue;
    rows_.push_back(std::move(row));
    items_.push_back(&item);
  }
  if (rows_.empty()) return;
  const absl::Status written = store_->Write(rows_);
  for (size_t i = 0; i < rows_.size(); ++i) items_[i]->status = written.ok() ? rows_[i].status : written;
}

absl::Status AddStore(stages::Registry& registry) {
  absl::Status added = registry.AddPort(
      {.kind = "sqlite",
       .summary = "listings, their history and receipts in one SQLite file",
       .options = {{.key = "path", .summary = "of the file, relative to the output folder (listings.sqlite)"},
                   {.key = "synchronous",
                    .summary =
                        "full: what is settled survives a power cut; normal: only a crash of the program (full)"}},
       .make = MakeSqlite,
       .make_simulated = MakeSimulated});
  if (!added.ok()) return added;
  return registry.AddStage(
      {.kind = "property.store",
       .summary = "keeps the current version of each listing, its history, and a receipt for each message",
       .ports = {std::string(kPortName)},
       .sink = true,
       .make_batch = MakeStore});
}

}  // namespace millrace::property
