#include "farm/s3/lifecycle.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "farm/s3/names.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

Error invalid_argument(std::string text) {
  return aws_error("InvalidArgument", 400, std::move(text));
}

Result<std::optional<int64_t>> days_of(const wire::xml::Element& element, std::string_view name,
                                       int64_t least) {
  auto text = element.text_of(name);
  if (!text) return std::nullopt;
  auto number = parse_i64(trim(*text));
  if (!number) return fail(malformed_xml());
  if (*number < least)
    return fail(invalid_argument(fmt::format("'{}' for the action must be a {} integer", name,
                                             least > 0 ? "positive" : "nonnegative")));
  return number;
}

Result<std::optional<WallTime>> date_of(const wire::xml::Element& element) {
  auto text = element.text_of("Date");
  if (!text) return std::nullopt;
  std::string_view date = trim(*text);
  auto time = WallTime::parse_iso8601(date);
  if (!time && date.ends_with('Z'))
    time = WallTime::parse_iso8601(fmt::format("{}.000Z", date.substr(0, date.size() - 1)));
  if (!time && date.size() == 10)
    time = WallTime::parse_iso8601(fmt::format("{}T00:00:00.000Z", date));
  if (!time) {
    if (date.size() == 8 || date.find('T') == std::string_view::npos) return fail(malformed_xml());
    return fail(invalid_argument("'Date' must be in ISO 8601 format"));
  }
  if (time->unix_seconds() % 86'400 != 0)
    return fail(invalid_argument("'Date' must be at midnight GMT"));
  return *time;
}

WallTime after_days(WallTime from, int64_t days, Duration day) {
  WallTime due = from + day * days;
  // The service rounds up to the next midnight; a shortened day has none.
  if (day != Duration::hours(24)) return due;
  int64_t full = Duration::hours(24).ns();
  return WallTime{(due.ns + full - 1) / full * full};
}

/// Of the moves whose time has come, the one whose time came last.
class LastDue {
 public:
  explicit LastDue(WallTime now) : now_(now) {}
  void consider(WallTime at, std::string_view storage_class) {
    if (at > now_ || at < latest_) return;
    latest_ = at;
    to_ = storage_class;
  }
  /// Empty when the object is there already.
  std::string unless(std::string_view there) const { return to_ == there ? "" : to_; }

 private:
  WallTime now_;
  WallTime latest_{INT64_MIN};
  std::string to_;
};

}  // namespace

std::string with_rule_ids(std::string_view xml) {
  auto document = wire::xml::Document::parse(xml, "LifecycleConfiguration");
  if (!document) return std::string(xml);
  std::string out;
  size_t number = 0, at = 0;
  for (const wire::xml::Element& rule : document->root().children("Rule")) {
    ++number;
    size_t tag = std::min(xml.find("<Rule>", at), xml.find("<Rule ", at));
    size_t end = tag == std::string_view::npos ? tag : xml.find('>', tag);
    if (end == std::string_view::npos) break;  // written in a way that we do not rewrite
    out += xml.substr(at, end + 1 - at);
    at = end + 1;
    if (!rule.child("ID")) out += fmt::format("<ID>rule-{}</ID>", number);
  }
  return out.append(xml.substr(at));
}

class LifecycleReader {
 public:
  Result<Lifecycle> read(std::string_view xml) {
    auto document = wire::xml::Document::parse(xml, "LifecycleConfiguration");
    if (!document || document->root().name() != "LifecycleConfiguration")
      return fail(malformed_xml());
    std::set<std::string> ids;
    size_t number = 0;
    for (const wire::xml::Element& element : document->root().children("Rule")) {
      Lifecycle::Rule rule = TRY(rule_of(element));
      ++number;
      if (rule.id.empty()) rule.id = fmt::format("rule-{}", number);
      if (!ids.insert(rule.id).second)
        return fail(
            invalid_argument("Rule ID must be unique. Found same ID for more than one "
                             "rule"));
      out_.rules_.push_back(std::move(rule));
    }
    if (out_.rules_.empty() || out_.rules_.size() > max_lifecycle_rules)
      return fail(malformed_xml());
    return std::move(out_);
  }

 private:
  Result<> filter(const wire::xml::Element& element, Lifecycle::Rule& rule) {
    if (auto prefix = element.text_of("Prefix")) rule.prefix = *prefix;
    for (const wire::xml::Element& tag : element.children("Tag"))
      rule.tags.emplace_back(tag.text_of("Key").value_or(""), tag.text_of("Value").value_or(""));
    for (auto [name, field] : {std::pair{"ObjectSizeGreaterThan", &rule.larger},
                               std::pair{"ObjectSizeLessThan", &rule.smaller}}) {
      auto text = element.text_of(name);
      if (!text) continue;
      *field = parse_u64(trim(*text));
      if (!*field) return fail(malformed_xml());
    }
    return check_tags(rule.tags, max_object_tags);
  }

  Result<> expiration(const wire::xml::Element& element, Lifecycle::Rule& rule) {
    rule.days = TRY(days_of(element, "Days", 1));
    rule.date = TRY(date_of(element));
    rule.lone_markers = trim(element.text_of("ExpiredObjectDeleteMarker").value_or("")) == "true";
    int told = rule.days.has_value() + rule.date.has_value() +
               element.text_of("ExpiredObjectDeleteMarker").has_value();
    if (told != 1) return fail(malformed_xml());
    return {};
  }

  Result<> transition(const wire::xml::Element& element, Lifecycle::Rule& rule) {
    Lifecycle::Move move{
        .days = TRY(days_of(element, "Days", 0)),
        .date = TRY(date_of(element)),
        .storage_class = std::string(trim(element.text_of("StorageClass").value_or(""))),
        .keep_newer = 0};
    if (move.days.has_value() == move.date.has_value() || !known_storage_class(move.storage_class))
      return fail(malformed_xml());
    rule.moves.push_back(std::move(move));
    return {};
  }

  Result<> noncurrent_transition(const wire::xml::Element& element, Lifecycle::Rule& rule) {
    Lifecycle::Move move{
        .days = TRY(days_of(element, "NoncurrentDays", 0)),
        .date = {},
        .storage_class = std::string(trim(element.text_of("StorageClass").value_or(""))),
        .keep_newer = 0};
    auto newer = TRY(days_of(element, "NewerNoncurrentVersions", 1));
    move.keep_newer = static_cast<size_t>(newer.value_or(0));
    if (!move.days || !known_storage_class(move.storage_class)) return fail(malformed_xml());
    rule.noncurrent_moves.push_back(std::move(move));
    return {};
  }

  Result<Lifecycle::Rule> rule_of(const wire::xml::Element& element) {
    Lifecycle::Rule rule;
    rule.id = element.text_of("ID").value_or("");
    if (rule.id.size() > 255)
      return fail(invalid_argument("ID length should not exceed allowed limit of 255"));
    std::string status(trim(element.text_of("Status").value_or("")));
    if (status != "Enabled" && status != "Disabled") return fail(malformed_xml());
    rule.enabled = status == "Enabled";
    if (auto prefix = element.text_of("Prefix")) rule.prefix = *prefix;
    if (wire::xml::Element chosen = element.child("Filter")) {
      if (element.child("Prefix")) return fail(malformed_xml());
      wire::xml::Element all = chosen.child("And");
      TRY(filter(all ? all : chosen, rule));
    }
    bool acts = false;
    if (wire::xml::Element action = element.child("Expiration")) {
      TRY(expiration(action, rule));
      acts = true;
    }
    if (wire::xml::Element action = element.child("NoncurrentVersionExpiration")) {
      rule.noncurrent_days = TRY(days_of(action, "NoncurrentDays", 1));
      auto newer = TRY(days_of(action, "NewerNoncurrentVersions", 1));
      rule.keep_newer = static_cast<size_t>(newer.value_or(0));
      if (!rule.noncurrent_days) return fail(malformed_xml());
      acts = true;
    }
    if (wire::xml::Element action = element.child("AbortIncompleteMultipartUpload")) {
      rule.upload_days = TRY(days_of(action, "DaysAfterInitiation", 1));
      if (!rule.upload_days) return fail(malformed_xml());
      acts = true;
    }
    for (const wire::xml::Element& action : element.children("Transition")) {
      TRY(transition(action, rule));
      acts = true;
    }
    for (const wire::xml::Element& action : element.children("NoncurrentVersionTransition")) {
      TRY(noncurrent_transition(action, rule));
      acts = true;
    }
    if (!acts)
      return fail(
          aws_error("InvalidRequest", 400, "At least one action needs to be specified in a rule"));
    return rule;
  }

  Lifecycle out_;
};

Result<Lifecycle> Lifecycle::parse(std::string_view xml) {
  return LifecycleReader().read(xml);
}

Result<> Lifecycle::check(bool real_days) const {
  for (const Rule& rule : rules_) {
    TRY(check_filter(rule));
    TRY(check_order(rule));
  }
  return real_days ? check_classes() : Result<>{};
}

/// Uploads and delete markers have no tags.
Result<> Lifecycle::check_filter(const Rule& rule) {
  if (rule.tags.empty()) return {};
  if (rule.upload_days)
    return fail(aws_error("InvalidRequest", 400,
                          "AbortIncompleteMultipartUpload cannot be specified with Tags."));
  if (rule.lone_markers)
    return fail(aws_error("InvalidRequest", 400,
                          "ExpiredObjectDeleteMarker cannot be specified with Tags."));
  return {};
}

/// What goes before it moves would never move.
Result<> Lifecycle::check_order(const Rule& rule) {
  auto too_early = [&](std::string_view field, std::string_view end, std::string_view move) {
    return fail(invalid_argument(
        fmt::format("'{}' in the {} action for filter '(prefix={})' must be greater than '{}' in "
                    "the {} action",
                    field, end, printable(rule.prefix), field, move)));
  };
  for (const Move& move : rule.moves) {
    if ((rule.days && move.date) || (rule.date && move.days))
      return fail(aws_error("InvalidRequest", 400,
                            fmt::format("Found mixed 'Date' and 'Days' based Expiration and "
                                        "Transition actions in lifecycle rule for filter "
                                        "'(prefix={})'",
                                        printable(rule.prefix))));
    if (rule.days && move.days && *rule.days <= *move.days)
      return too_early("Days", "Expiration", "Transition");
    if (rule.date && move.date && *rule.date <= *move.date)
      return too_early("Date", "Expiration", "Transition");
  }
  for (const Move& move : rule.noncurrent_moves)
    if (rule.noncurrent_days && *rule.noncurrent_days <= *move.days)
      return too_early("NoncurrentDays", "NoncurrentVersionExpiration",
                       "NoncurrentVersionTransition");
  return {};
}

Result<> Lifecycle::check_classes() const {
  static constexpr int64_t least = 30;
  auto check = [](const std::vector<Move>& moves, std::string_view name,
                  std::string_view action) -> Result<> {
    for (const Move& move : moves)
      if (move.storage_class.ends_with("_IA") && move.days && *move.days < least)
        return fail(invalid_argument(
            fmt::format("'{}' in {} action must be greater than or equal to {} for storageClass "
                        "'{}'",
                        name, action, least, move.storage_class)));
    return {};
  };
  for (const Rule& rule : rules_) {
    TRY(check(rule.moves, "Days", "Transition"));
    TRY(check(rule.noncurrent_moves, "NoncurrentDays", "NoncurrentVersionTransition"));
  }
  return {};
}

bool Lifecycle::covers(const Rule& rule, std::string_view key, const ObjectRecord* record) {
  if (!rule.enabled || !key.starts_with(rule.prefix)) return false;
  if (!record) return rule.tags.empty() && !rule.larger && !rule.smaller;
  if (rule.larger && record->size <= *rule.larger) return false;
  if (rule.smaller && record->size >= *rule.smaller) return false;
  return std::ranges::all_of(rule.tags, [&](const auto& tag) {
    return std::ranges::find(record->tags, tag) != record->tags.end();
  });
}

std::optional<Lifecycle::Due> Lifecycle::expiry(std::string_view key, const ObjectRecord& record,
                                                Duration day) const {
  std::optional<Due> first;
  for (const Rule& rule : rules_) {
    if (!covers(rule, key, &record)) continue;
    std::optional<WallTime> at = rule.date;
    if (rule.days) at = after_days(record.modified, *rule.days, day);
    if (at && (!first || *at < first->at)) first = Due{*at, rule.id};
  }
  return first;
}

std::optional<WallTime> Lifecycle::noncurrent_expiry(std::string_view key,
                                                     const ObjectRecord& record, WallTime since,
                                                     size_t newer, Duration day) const {
  std::optional<WallTime> first;
  for (const Rule& rule : rules_) {
    if (!rule.noncurrent_days || newer < rule.keep_newer || !covers(rule, key, &record)) continue;
    WallTime at = after_days(since, *rule.noncurrent_days, day);
    if (!first || at < *first) first = at;
  }
  return first;
}

bool Lifecycle::drops_lone_marker(std::string_view key, const ObjectRecord& marker, WallTime now,
                                  Duration day) const {
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    if (!covers(rule, key, nullptr)) return false;
    if (rule.lone_markers) return true;
    return rule.days && after_days(marker.modified, *rule.days, day) <= now;
  });
}

std::optional<WallTime> Lifecycle::upload_expiry(std::string_view key, WallTime started,
                                                 Duration day) const {
  std::optional<WallTime> first;
  for (const Rule& rule : rules_) {
    if (!rule.upload_days || !covers(rule, key, nullptr)) continue;
    WallTime at = after_days(started, *rule.upload_days, day);
    if (!first || at < *first) first = at;
  }
  return first;
}

std::string Lifecycle::transition(std::string_view key, const ObjectRecord& record, WallTime now,
                                  Duration day) const {
  LastDue due(now);
  for (const Rule& rule : rules_) {
    if (rule.moves.empty() || !covers(rule, key, &record)) continue;
    for (const Move& move : rule.moves)
      due.consider(move.date ? *move.date : after_days(record.modified, *move.days, day),
                   move.storage_class);
  }
  return due.unless(record.storage_class);
}

std::string Lifecycle::noncurrent_transition(std::string_view key, const ObjectRecord& record,
                                             WallTime since, size_t newer, WallTime now,
                                             Duration day) const {
  LastDue due(now);
  for (const Rule& rule : rules_) {
    if (rule.noncurrent_moves.empty() || !covers(rule, key, &record)) continue;
    for (const Move& move : rule.noncurrent_moves)
      if (newer >= move.keep_newer)
        due.consider(after_days(since, *move.days, day), move.storage_class);
  }
  return due.unless(record.storage_class);
}

}  // namespace croft::farm::s3
