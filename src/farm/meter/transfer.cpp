#include "farm/meter/transfer.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::meter {

namespace {

namespace json = wire::json;

Result<Transfer> decode(const store::Entry& entry) {
  auto object = TRY(json::parse_object(entry.value, entry.key));
  Transfer out;
  auto parts = split(entry.key, '/');
  if (parts.size() != 4)
    return fail(Code::corrupt, fmt::format("'{}' is no key of a transfer", printable(entry.key)));
  out.account = parts[2];
  out.resource = parts[3];
  out.application = TRY(json::string_or(object, "application", ""));
  out.component = TRY(json::string_or(object, "component", ""));
  out.last.boot = static_cast<uint64_t>(TRY(json::int_at(object, "boot")));
  out.last.in = TRY(json::int_at(object, "in"));
  out.last.out = TRY(json::int_at(object, "out"));
  const json::Object* months = TRY(json::object_if(object, "months"));
  if (!months) return out;
  for (const auto& [name, unused] : *months) {
    const json::Object* month = TRY(json::object_if(*months, name));
    if (!month) continue;
    Transfer::Moved& moved = out.months[std::string(name)];
    moved.in = TRY(json::int_at(*month, "in"));
    moved.out = TRY(json::int_at(*month, "out"));
    moved.from.ns = TRY(json::int_at(*month, "from"));
    moved.to.ns = TRY(json::int_at(*month, "to"));
  }
  return out;
}

}  // namespace

bool Transfer::add(const TransferReading& reading, WallTime now) {
  // A counter that went back is a new link, too: a farm that lost its router makes them again.
  bool goes_on = reading.boot == last.boot && reading.in >= last.in && reading.out >= last.out;
  int64_t in = reading.in - (goes_on ? last.in : 0);
  int64_t out = reading.out - (goes_on ? last.out : 0);
  if (in == 0 && out == 0) return false;
  last = reading;
  auto [at, fresh] = months.try_emplace(Month::of(now).name);
  Moved& moved = at->second;
  if (fresh) moved.from = now;
  moved.in += in;
  moved.out += out;
  moved.to = now;
  return true;
}

store::Change record(const Transfer& transfer) {
  boost::json::object months;
  for (const auto& [name, moved] : transfer.months)
    months[name] = boost::json::object{
        {"in", moved.in}, {"out", moved.out}, {"from", moved.from.ns}, {"to", moved.to.ns}};
  boost::json::object value{{"boot", static_cast<int64_t>(transfer.last.boot)},
                            {"in", transfer.last.in},
                            {"out", transfer.last.out},
                            {"months", std::move(months)}};
  if (!transfer.application.empty()) value["application"] = transfer.application;
  if (!transfer.component.empty()) value["component"] = transfer.component;
  return {fmt::format("meter/transfer/{}/{}", transfer.account, transfer.resource),
          boost::json::serialize(value)};
}

aio::Task<Result<std::vector<Transfer>>> transfers_of(store::Store& store, std::string account) {
  std::vector<Transfer> out;
  std::string prefix = "meter/transfer/";
  if (!account.empty()) prefix += account + "/";
  store::Range range = store::prefix(prefix);
  for (;;) {
    auto entries = CO_TRY(co_await store.range(range));
    for (const store::Entry& entry : entries) out.push_back(CO_TRY(decode(entry)));
    if (entries.size() < range.limit) co_return out;
    range.from = entries.back().key + '\0';
  }
}

std::vector<InvoiceLine> lines_of(const std::vector<Transfer>& transfers, const Month& month,
                                  const PriceBook& book) {
  constexpr int64_t gb = 1'000'000'000;
  std::vector<InvoiceLine> out;
  for (const Transfer& transfer : transfers) {
    auto moved = transfer.months.find(month.name);
    if (moved == transfer.months.end()) continue;
    for (auto [what, bytes] : {std::pair("transfer.in", moved->second.in),
                               std::pair("transfer.out", moved->second.out)}) {
      InvoiceLine line;
      line.service = "transfer";
      line.resource = transfer.resource;
      line.what = what;
      line.from = moved->second.from;
      line.to = moved->second.to;
      line.quantity = bytes;
      line.unit = "bytes";
      auto price = book.gb.find(what);
      int64_t micros = price == book.gb.end() ? 0 : price->second;
      line.amount = Money::micros(
          static_cast<int64_t>((static_cast<__int128>(bytes) * micros + gb / 2) / gb));
      line.application = transfer.application;
      line.component = transfer.component;
      out.push_back(std::move(line));
    }
  }
  return out;
}

}  // namespace croft::farm::meter
