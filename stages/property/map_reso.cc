// A record of the RESO Web API. Fields of the dictionary go to their place; all others are kept as JSON text, in their
// order.
#include <simdjson.h>

#include <bitset>
#include <string>

#include "absl/strings/str_cat.h"
#include "stages/property/country.h"
#include "stages/property/errors.h"
#include "stages/property/fields.h"
#include "stages/property/json_check.h"
#include "stages/property/mapping.h"
#include "stages/property/units.h"

namespace millrace::property {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kFieldsMax = 64;  // at least as many as the table has

std::string_view Trim(std::string_view token) {
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t')) {
    token.remove_suffix(1);
  }
  return token;
}

absl::Status BadJson(simdjson::error_code error) {
  return Bad("record", absl::StrCat("not a JSON object: ", simdjson::error_message(error)));
}

bool IsNumber(FieldKind kind) {
  return kind != FieldKind::kText && kind != FieldKind::kDay && kind != FieldKind::kInstant;
}

std::string_view NameOf(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array:
      return "an array";
    case ondemand::json_type::object:
      return "an object";
    case ondemand::json_type::number:
      return "a number";
    case ondemand::json_type::string:
      return "text";
    case ondemand::json_type::boolean:
      return "true or false";
    case ondemand::json_type::null:
      return "null";
  }
  return "something else";
}

class ResoMapping : public Mapping {
 public:
  absl::Status Map(std::string_view raw, Listing& listing) override {
    buffer_.reserve(raw.size() + simdjson::SIMDJSON_PADDING);
    buffer_.assign(raw);
    seen_.reset();
    currency_.clear();
    may_view_ = true;
    ondemand::document document;
    if (auto error = parser_.iterate(buffer_.data(), raw.size(), buffer_.capacity()).get(document))
      return BadJson(error);
    ondemand::object object;
    if (auto error = document.get_object().get(object)) return BadJson(error);
    for (auto result : object) {
      ondemand::field member;
      if (auto error = std::move(result).get(member)) return BadJson(error);
      if (absl::Status set = SetMember(member, listing); !set.ok()) return set;
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
      return Bad("record", "text behind the JSON object");
    return Finish(listing);
  }

  std::string_view KeyOf(const Listing& listing) const override { return listing.listing_key(); }

 private:
  absl::Status SetMember(ondemand::field& member, Listing& listing) {
    std::string_view name;
    if (auto error = member.unescaped_key().get(name)) return BadJson(error);
    ondemand::value value = member.value();
    const Field* field = fields_.Find(name);
    if (field == nullptr) return Keep(name, value, listing);
    const size_t index = FieldIndex::IndexOf(*field);
    if (seen_[index]) return Bad(name, "appears twice in the record");
    seen_[index] = true;
    return SetKnown(*field, value, listing);
  }

  absl::Status SetKnown(const Field& field, ondemand::value& value, Listing& listing) {
    ondemand::json_type type;
    if (auto error = value.type().get(type))
      return Bad(field.name, absl::StrCat("broken JSON: ", simdjson::error_message(error)));
    if (type == ondemand::json_type::null) {
      if (Trim(value.raw_json_token()) != "null") return Bad(field.name, "broken JSON", Trim(value.raw_json_token()));
      return absl::OkStatus();
    }
    const ondemand::json_type wanted = IsNumber(field.kind) ? ondemand::json_type::number : ondemand::json_type::string;
    if (type != wanted) {
      return Bad(field.name,
                 absl::StrCat("expected ", std::string(NameOf(wanted)), ", not ", std::string(NameOf(type))));
    }
    if (type == ondemand::json_type::number) return SetField(field, Trim(value.raw_json_token()), listing);
    std::string_view text;
    if (auto error = value.get_string().get(text)) {
      return Bad(field.name, absl::StrCat("broken JSON: ", simdjson::error_message(error)));
    }
    return SetField(field, text, listing);
  }

  absl::Status Keep(std::string_view name, ondemand::value& value, Listing& listing) {
    ondemand::json_type type;
    std::string_view json;
    auto error = value.type().get(type);
    if (!error && type == ondemand::json_type::object) {
      ondemand::object object;
      error = value.get_object().get(object);
      if (!error) error = object.raw_json().get(json);
    } else if (!error && type == ondemand::json_type::array) {
      ondemand::array array;
      error = value.get_array().get(array);
      if (!error) error = array.raw_json().get(json);
    } else if (!error) {
      json = Trim(value.raw_json_token());
    }
    if (error) return Bad(name, absl::StrCat("broken JSON: ", simdjson::error_message(error)));
    if (std::string_view wrong = CheckJson(json); !wrong.empty()) return Bad(name, wrong, json);
    ExtraField& extra = *listing.add_extra();
    extra.mutable_name()->assign(name);
    extra.mutable_json()->assign(json);
    // Not of the dictionary, and yet with a meaning: MLS Grid's mark of a deletion, and an explicit currency.
    if (name == "MlgCanView" && json == "false") may_view_ = false;
    if (name == "CurrencyCode" && json.size() > 2 && json.front() == '"')
      currency_.assign(json.substr(1, json.size() - 2));
    return absl::OkStatus();
  }

  absl::Status Finish(Listing& listing) {
    if (listing.listing_key().empty()) return Bad("ListingKey", "missing");
    Origin& origin = *listing.mutable_origin();
    origin.set_system(listing.originating_system_name().empty() ? "reso" : listing.originating_system_name());
    origin.set_key(listing.listing_key());
    origin.set_kind(Origin::LISTING);
    listing.set_deleted(!may_view_ || listing.standard_status() == "Delete");
    const std::string_view currency =
        currency_.empty() ? CurrencyOf(CountryOf(listing.country(), listing.state_or_province())) : currency_;
    if (listing.has_list_price()) listing.mutable_list_price()->mutable_currency()->assign(currency);
    if (listing.has_original_list_price()) listing.mutable_original_list_price()->mutable_currency()->assign(currency);
    if (listing.has_close_price()) listing.mutable_close_price()->mutable_currency()->assign(currency);
    return absl::OkStatus();
  }

  const FieldIndex fields_;
  ondemand::parser parser_;
  std::string buffer_;
  std::bitset<kFieldsMax> seen_;
  std::string currency_;
  bool may_view_ = true;
};

}  // namespace

std::unique_ptr<Mapping> MakeResoMapping() { return std::make_unique<ResoMapping>(); }

absl::Status ExplainBadPage(std::string_view page) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(page);
  simdjson::dom::element document;
  if (auto error = parser.parse(padded).get(document)) {
    return Bad("page", absl::StrCat("not JSON: ", simdjson::error_message(error)));
  }
  simdjson::dom::array records;
  if (document["value"].get_array().get(records)) return Bad("page", "not a RESO Web API page: no array \"value\"");
  return Bad("page", "could not be taken apart into records");
}

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace millrace::property
