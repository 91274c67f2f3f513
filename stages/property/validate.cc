#include "stages/property/validate.h"

#include "stages/property/body.h"

namespace millrace::property {

absl::Status ValidateStage::Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) {
  if (absl::Status read = ReadListing(message, listing_); !read.ok()) return read;
  bool changed = false;
  if (absl::Status checked = checks_.Check(listing_, &changed); !checked.ok()) return checked;
  // Most records pass untouched, and so do their bytes.
  if (!changed) return EmitListing(*message.body, outputs);
  listing_.SerializeToString(&body_);
  return EmitListing(body_, outputs);
}

}  // namespace millrace::property
