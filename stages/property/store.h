// The end of the property pipeline: the batch stage property.store writes listings through a port
// (stages/property/store_port.h), one transaction for a batch, with a receipt for each message. It keeps receipts
// itself (a sink).
//
//   port { name: "store" kind: "sqlite" option { key: "path" value: "listings.sqlite" } }   # in the output folder
//   stage { name: "store" kind: "property.store" input: "addressed" dead_letter: "dead" batch: 512 }
//
// Statuses: Unavailable when the store takes nothing now (the stage waits); InvalidArgument for a body that is no
// Listing, or one without key or time.
//
// Threading: one object, one thread; the port is shared.
#ifndef MILLRACE_STAGES_PROPERTY_STORE_H_
#define MILLRACE_STAGES_PROPERTY_STORE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stages/property/listing.pb.h"
#include "stages/property/store_port.h"
#include "stages/registry.h"
#include "stages/stage.h"

namespace millrace::property {

class StoreStage final : public stages::BatchStage {
 public:
  // `store` outlives the stage.
  explicit StoreStage(ListingStore* store) : store_(store) {}
  void Process(std::span<stages::BatchItem> batch) override;

 private:
  absl::Status Fill(const stages::BatchItem& item, size_t place, StoreRow* row);

  ListingStore* const store_;
  // Reused from batch to batch.
  std::vector<Listing> listings_;
  std::vector<std::string> digests_;  // of messages that carry none
  std::vector<StoreRow> rows_;
  std::vector<stages::BatchItem*> items_;  // of rows_
};

// Registers the port kind "sqlite" and the stage kind "property.store".
absl::Status AddStore(stages::Registry& registry);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_STORE_H_
