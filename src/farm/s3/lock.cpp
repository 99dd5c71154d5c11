#include "farm/s3/lock.h"

#include "base/text.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr int64_t max_days = 36'500;

bool known_mode(std::string_view mode) {
  return mode == "GOVERNANCE" || mode == "COMPLIANCE";
}

Error invalid_argument(std::string text) {
  return aws_error("InvalidArgument", 400, std::move(text));
}

Result<wire::xml::Document> document_of(std::string_view xml, std::string_view root) {
  auto document = wire::xml::Document::parse(xml, root);
  if (!document || document->root().name() != root) return fail(malformed_xml());
  return std::move(*document);
}

std::string text_at(const wire::xml::Element& element, std::string_view name) {
  return std::string(trim(element.text_of(name).value_or("")));
}

Error held() {
  return aws_error("AccessDenied", 403, "Access Denied because object protected by object lock.");
}

/// Clients write seconds with and without a fraction.
Result<WallTime> until_from(std::string_view text) {
  auto time = WallTime::parse_iso8601(text);
  if (time) return *time;
  return fail(invalid_argument("The retain until date must be provided in ISO 8601 format"));
}

}  // namespace

Result<LockRules> lock_rules_from(std::string_view xml) {
  wire::xml::Document document = TRY(document_of(xml, "ObjectLockConfiguration"));
  if (text_at(document.root(), "ObjectLockEnabled") != "Enabled") return fail(malformed_xml());
  LockRules out;
  wire::xml::Element rule = document.root().child("Rule");
  if (!rule) return out;
  wire::xml::Element by_default = rule.child("DefaultRetention");
  out.mode = text_at(by_default, "Mode");
  auto days = by_default.text_of("Days"), years = by_default.text_of("Years");
  if (!known_mode(out.mode) || days.has_value() == years.has_value()) return fail(malformed_xml());
  auto number = parse_i64(trim(days ? *days : *years));
  if (!number) return fail(malformed_xml());
  if (*number <= 0 || *number > max_days || (years && *number > max_days / 365))
    return fail(aws_error("InvalidRetentionPeriod", 400,
                          "Default retention period must be a positive integer value of at most "
                          "36500 days or 100 years"));
  out.days = years ? *number * 365 : *number;
  return out;
}

std::string empty_lock_document() {
  wire::xml::Writer writer;
  writer.open("ObjectLockConfiguration", {{"xmlns", s3_namespace}});
  return writer.element("ObjectLockEnabled", "Enabled").take();
}

Result<Retention> retention_from(std::string_view xml) {
  wire::xml::Document document = TRY(document_of(xml, "Retention"));
  Retention out{.mode = text_at(document.root(), "Mode"), .until = {}};
  std::string until = text_at(document.root(), "RetainUntilDate");
  if (out.mode.empty() && until.empty()) return out;
  auto time = WallTime::parse_iso8601(until);
  if (!known_mode(out.mode) || !time) return fail(malformed_xml());
  out.until = *time;
  return out;
}

std::string retention_document(const ObjectRecord& record) {
  wire::xml::Writer writer;
  writer.open("Retention", {{"xmlns", s3_namespace}}).element("Mode", record.lock_mode);
  return writer.element("RetainUntilDate", xml_time(record.retain_until)).take();
}

Result<bool> legal_hold_from(std::string_view xml) {
  wire::xml::Document document = TRY(document_of(xml, "LegalHold"));
  std::string status = text_at(document.root(), "Status");
  if (status != "ON" && status != "OFF") return fail(malformed_xml());
  return status == "ON";
}

std::string legal_hold_document(const ObjectRecord& record) {
  wire::xml::Writer writer;
  writer.open("LegalHold", {{"xmlns", s3_namespace}});
  return writer.element("Status", record.legal_hold ? "ON" : "OFF").take();
}

Result<> lock_from_headers(const wire::Headers& headers, const LockRules* rules, WallTime now,
                           ObjectRecord& record) {
  auto mode = headers.get("x-amz-object-lock-mode");
  auto until = headers.get("x-amz-object-lock-retain-until-date");
  auto hold = headers.get("x-amz-object-lock-legal-hold");
  if ((mode || until || hold) && !rules)
    return fail(aws_error("InvalidRequest", 400, "Bucket is missing Object Lock Configuration"));
  if (mode.has_value() != until.has_value())
    return fail(
        invalid_argument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode "
                         "must both be supplied"));
  if (hold) {
    if (*hold != "ON" && *hold != "OFF")
      return fail(invalid_argument("Legal Hold must be either of 'ON' or 'OFF'"));
    record.legal_hold = *hold == "ON";
    record.lock_hold_told = true;
  }
  if (mode) {
    if (!known_mode(*mode)) return fail(invalid_argument("Unknown wormMode directive."));
    record.lock_mode = std::string(*mode);
    record.retain_until = TRY(until_from(*until));
    if (record.retain_until <= now)
      return fail(invalid_argument("The retain until date must be in the future!"));
  } else if (rules && !rules->mode.empty()) {
    record.lock_mode = rules->mode;
    record.retain_until = now + Duration::hours(24) * rules->days;
  }
  return {};
}

void add_lock_headers(wire::Headers& headers, const ObjectRecord& record) {
  if (!record.lock_mode.empty()) {
    headers.add("x-amz-object-lock-mode", record.lock_mode);
    headers.add("x-amz-object-lock-retain-until-date", xml_time(record.retain_until));
  }
  if (record.lock_hold_told)
    headers.add("x-amz-object-lock-legal-hold", record.legal_hold ? "ON" : "OFF");
}

bool is_locked(const ObjectRecord& record, WallTime now, bool bypass) {
  if (record.legal_hold) return true;
  if (record.lock_mode.empty() || record.retain_until <= now) return false;
  return record.lock_mode == "COMPLIANCE" || !bypass;
}

Result<> check_retention(const ObjectRecord& record, const Retention& wanted, WallTime now,
                         bool bypass) {
  if (!wanted.mode.empty() && wanted.until <= now)
    return fail(invalid_argument("The retain until date must be in the future!"));
  bool runs = !record.lock_mode.empty() && record.retain_until > now;
  if (!runs) return {};
  bool weaker = wanted.mode != record.lock_mode || wanted.until < record.retain_until;
  if (weaker && (record.lock_mode == "COMPLIANCE" || !bypass)) return fail(held());
  return {};
}

}  // namespace croft::farm::s3
