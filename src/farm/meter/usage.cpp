#include "farm/meter/usage.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::meter {
namespace {

namespace json = wire::json;

constexpr std::string_view prefix = "meter/use/";
constexpr int64_t hour_seconds = 3600;
constexpr size_t page = 1000;

std::string key_of(std::string_view account_id, WallTime time) {
  int64_t begin = time.unix_seconds() / hour_seconds * hour_seconds;
  return fmt::format("{}{}/{:012}", prefix, account_id, begin);
}

/// Listing was charged as writing was; deletions were free.
std::string_view kind_of(std::string_view operation) {
  if (operation.starts_with("Delete") || operation.starts_with("Abort")) return "requests.delete";
  bool writes = operation.starts_with("Put") || operation.starts_with("Post") ||
                operation.starts_with("Copy") || operation.starts_with("List") ||
                operation.starts_with("Create") || operation.starts_with("Complete") ||
                operation.starts_with("Upload");
  return writes ? "requests.write" : "requests.read";
}

Result<Amounts> amounts_from(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "usage record"));
  Amounts out;
  for (const auto& [name, value] : object)
    if (value.is_int64()) out[std::string(name)] = value.get_int64();
  return out;
}

std::string encoded(const Amounts& amounts) {
  json::Object out;
  for (const auto& [name, amount] : amounts) out[name] = amount;
  return json::compact(out);
}

/// Dollars in millionths for one unit of `of`.
struct Price {
  std::string_view name;
  int64_t micros;
  double of;
};
constexpr double gigabyte = 1024.0 * 1024 * 1024;
constexpr double gigabyte_month = gigabyte * 30 * 24 * hour_seconds;
constexpr std::array prices{
    Price{"requests.write", 10'000, 1000},
    Price{"requests.read", 10'000, 10'000},
    Price{"bytes.in", 100'000, gigabyte},
    Price{"storage.STANDARD", 150'000, gigabyte_month},
    // One copy less kept, or slower to come: cheaper.
    Price{"storage.REDUCED_REDUNDANCY", 100'000, gigabyte_month},
    Price{"storage.INTELLIGENT_TIERING", 150'000, gigabyte_month},
    Price{"storage.STANDARD_IA", 82'000, gigabyte_month},
    Price{"storage.ONEZONE_IA", 65'000, gigabyte_month},
    Price{"storage.GLACIER_IR", 26'000, gigabyte_month},
    Price{"storage.GLACIER", 23'000, gigabyte_month},
    Price{"storage.DEEP_ARCHIVE", 6'500, gigabyte_month},
};

/// What goes out is cheaper the more it is, by the month.
struct Tier {
  double up_to;  ///< gigabytes
  double micros;
};
constexpr std::array out_tiers{Tier{10 * 1024.0, 180'000}, Tier{50 * 1024.0, 160'000},
                               Tier{1e18, 130'000}};

double cost_of_out(int64_t bytes) {
  double left = static_cast<double>(bytes) / gigabyte, begin = 0, micros = 0;
  for (const Tier& tier : out_tiers) {
    double part = std::min(left, tier.up_to - begin);
    micros += part * tier.micros;
    left -= part;
    begin = tier.up_to;
  }
  return micros;
}

}  // namespace

/// Each kind is rounded for itself, so that an invoice's total is the sum of its lines.
Money cost_of(const Amounts& amounts) {
  auto rounded = [](double micros) { return Money::micros(static_cast<int64_t>(micros + 0.5)); };
  Money sum;
  for (const Price& price : prices)
    if (auto at = amounts.find(price.name); at != amounts.end())
      sum = sum +
            rounded(static_cast<double>(at->second) * static_cast<double>(price.micros) / price.of);
  if (auto at = amounts.find("bytes.out"); at != amounts.end())
    sum = sum + rounded(cost_of_out(at->second));
  return sum;
}

Amounts& UsageMeter::now(std::string_view account_id) {
  return fresh_[key_of(account_id, world_.clock.wall())];
}

void UsageMeter::request(const Usage& usage) {
  ++requests_;
  if (usage.status >= 500) ++failures_;
  bytes_in_ += usage.bytes_in;
  bytes_out_ += usage.bytes_out;
  log::debug(usage.service, "{} {} {} {}", usage.operation, usage.status, usage.account_id,
             usage.instance);
  if (usage.service != "s3" || usage.account_id.empty()) return;
  Amounts& amounts = now(usage.account_id);
  // Failures of the farm are not the customer's.
  if (usage.status >= 500) return;
  ++amounts[std::string(usage.status >= 400 ? "requests.refused" : kind_of(usage.operation))];
  if (usage.instance.empty()) {
    amounts["bytes.in"] += static_cast<int64_t>(usage.bytes_in);
    amounts["bytes.out"] += static_cast<int64_t>(usage.bytes_out);
  } else {
    amounts["bytes.internal"] += static_cast<int64_t>(usage.bytes_in + usage.bytes_out);
  }
}

void UsageMeter::sample_storage() {
  Moment moment = world_.clock.now();
  int64_t ms = sampled_ ? (moment - *sampled_).ms() : 0;
  sampled_ = moment;
  if (!stored_ || ms <= 0) return;
  for (const Stored& item : stored_()) {
    double byte_seconds = static_cast<double>(item.bytes) * static_cast<double>(ms) / 1000;
    if (byte_seconds >= 1)
      now(item.account_id)["storage." + item.storage_class] += static_cast<int64_t>(byte_seconds);
  }
}

aio::Task<Result<>> UsageMeter::flush() {
  sample_storage();
  std::map<std::string, Amounts, std::less<>> fresh = std::exchange(fresh_, {});
  std::vector<store::Change> changes;
  for (const auto& [key, amounts] : fresh) {
    Amounts sum = amounts;
    auto there = CO_TRY(co_await store_.get(key));
    if (there)
      for (const auto& [name, amount] : CO_TRY(amounts_from(there->value))) sum[name] += amount;
    changes.push_back({key, encoded(sum)});
  }
  if (changes.empty()) co_return Result<>{};
  auto done = co_await store_.commit({}, std::move(changes));
  if (done) co_return Result<>{};
  // Not written: it stays to be counted.
  for (const auto& [key, amounts] : fresh)
    for (const auto& [name, amount] : amounts) fresh_[key][name] += amount;
  co_return fail(std::move(done).error());
}

aio::Task<Result<>> UsageMeter::run() {
  for (;;) {
    CO_TRY(co_await world_.clock.sleep(flush_interval));
    auto done = co_await flush();
    if (!done && done.error().code == Code::cancelled) co_return done;
    if (!done) log::warn("meter", "usage is not written: {}", done.error().line());
  }
}

aio::Task<Result<std::vector<UsageMeter::Hour>>> UsageMeter::hours(std::string account_id) {
  CO_TRY(co_await flush());
  std::string base = fmt::format("{}{}/", prefix, account_id);
  std::vector<Hour> out;
  store::Range range = store::prefix(base, page);
  for (;;) {
    std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
    for (const store::Entry& entry : entries) {
      int64_t begin = parse_i64(entry.key.substr(base.size())).value_or(0);
      out.push_back({WallTime::from_unix_seconds(begin), CO_TRY(amounts_from(entry.value))});
    }
    if (entries.size() < page) co_return out;
    range.from = entries.back().key + '\0';
  }
}

}  // namespace croft::farm::meter
