#include "bus/envelope.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::bus {
namespace {

const std::vector<std::pair<std::string_view, std::string_view Envelope::*>>& Fields() {
  static const std::vector<std::pair<std::string_view, std::string_view Envelope::*>> kFields = {
      {kHeaderSpecVersion, &Envelope::specversion},
      {kHeaderId, &Envelope::id},
      {kHeaderSource, &Envelope::source},
      {kHeaderType, &Envelope::type},
      {kHeaderSubject, &Envelope::subject},
      {kHeaderTime, &Envelope::time},
      {kHeaderContentType, &Envelope::content_type},
      {kHeaderTraceParent, &Envelope::traceparent},
      {kHeaderRoot, &Envelope::root},
      {kHeaderShare, &Envelope::share},
      {kHeaderDigest, &Envelope::digest},
      {kHeaderRedriven, &Envelope::redriven}};
  return kFields;
}

TEST(Envelope, SpellsTheAttributesAsTheKafkaBindingDoes) {
  // CloudEvents Kafka Protocol Binding 1.0.2, section 3.2: "ce_" and the attribute; datacontenttype is the header
  // content-type.
  EXPECT_EQ(kHeaderSpecVersion, "ce_specversion");
  EXPECT_EQ(kHeaderId, "ce_id");
  EXPECT_EQ(kHeaderSource, "ce_source");
  EXPECT_EQ(kHeaderType, "ce_type");
  EXPECT_EQ(kHeaderSubject, "ce_subject");
  EXPECT_EQ(kHeaderTime, "ce_time");
  EXPECT_EQ(kHeaderContentType, "content-type");
  EXPECT_EQ(kHeaderTraceParent, "traceparent");
}

TEST(Envelope, EachHeaderGoesToItsOwnField) {
  for (const auto& [name, field] : Fields()) {
    HeaderBuilder headers;
    headers.Add(name, "value");
    const Envelope envelope = ReadEnvelope(headers.View());
    for (const auto& [other_name, other] : Fields()) {
      EXPECT_EQ(envelope.*other, other == field ? "value" : "") << name << " in " << other_name;
    }
  }
}

TEST(Envelope, RoundTripsEveryAttribute) {
  Envelope written;
  std::vector<std::string> values;
  for (size_t i = 0; i < Fields().size(); ++i) values.push_back("value " + std::to_string(i));
  for (size_t i = 0; i < Fields().size(); ++i) written.*(Fields()[i].second) = values[i];
  HeaderBuilder headers;
  WriteEnvelope(written, headers);
  const Envelope read = ReadEnvelope(headers.View());
  for (size_t i = 0; i < Fields().size(); ++i) EXPECT_EQ(read.*(Fields()[i].second), values[i]) << Fields()[i].first;
}

TEST(Envelope, WritesOnlyWhatIsThereAndTheVersion) {
  HeaderBuilder headers;
  WriteEnvelope({.id = "42", .source = "/feed"}, headers);
  std::multiset<std::string_view> names;
  for (Header h : headers.View()) names.insert(h.name);
  EXPECT_EQ(names, (std::multiset<std::string_view>{"ce_specversion", "ce_id", "ce_source"}));
  EXPECT_EQ(headers.View().Find("ce_specversion"), "1.0");
}

TEST(Envelope, AppendsToHeadersThatAreThere) {
  HeaderBuilder headers;
  headers.Add("mine", std::nullopt);
  WriteEnvelope({.id = "42"}, headers);
  EXPECT_EQ((*headers.View().begin()).name, "mine");
  EXPECT_EQ(ReadEnvelope(headers.View()).id, "42");
}

TEST(Envelope, ReadsForeignHeadersWithoutComplaint) {
  HeaderBuilder headers;
  headers.Add("", "").Add("ce_", "x").Add("CE_ID", "upper").Add("ce_ix", "near").Add("ce_id", std::nullopt);
  headers.Add(std::string(100'000, 'n'), "long").Add("\xff\xfe", "\xff").Add("ce_id", "first").Add("ce_id", "second");
  const Envelope envelope = ReadEnvelope(headers.View());
  EXPECT_EQ(envelope.id, "first") << "of duplicates the first with a value counts";
  EXPECT_EQ(envelope.source, "");
  EXPECT_EQ(ReadEnvelope(Headers()).id, "");
}

// Names of one length that differ in one letter from a known one must not be taken for it.
TEST(Envelope, KnowsNamesExactly) {
  for (const auto& [name, field] : Fields()) {
    for (size_t i = 0; i < name.size(); ++i) {
      std::string near(name);
      near[i] = near[i] == 'q' ? 'z' : 'q';
      HeaderBuilder headers;
      headers.Add(near, "value");
      const Envelope envelope = ReadEnvelope(headers.View());
      EXPECT_EQ(envelope.*field, "") << near;
    }
  }
}

}  // namespace
}  // namespace millrace::bus
