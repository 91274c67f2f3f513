#include "stages/property/address.h"

#include "stages/property/body.h"

namespace millrace::property {

absl::Status AddressStage::Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) {
  if (absl::Status read = ReadListing(message, listing_); !read.ok()) return read;
  formatter_.Standardise(listing_);
  listing_.SerializeToString(&body_);
  return EmitListing(body_, outputs);
}

}  // namespace millrace::property
