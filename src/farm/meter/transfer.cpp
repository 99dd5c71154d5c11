#include "farm/meter/transfer.h"

#include <algorithm>
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
  const json::Array* last = TRY(json::array_if(object, "last"));
  for (size_t i = 0; last && i < last->size(); ++i) {
    if (!(*last)[i].is_object())
      return fail(Code::corrupt, entry.key + ": 'last' holds no objects");
    const json::Object& one = (*last)[i].get_object();
    out.last.push_back({static_cast<uint64_t>(TRY(json::int_at(one, "boot"))),
                        TRY(json::int_at(one, "in")), TRY(json::int_at(one, "out")),
                        TRY(json::int_or(one, "publicIn", 0)),
                        TRY(json::int_or(one, "publicOut", 0))});
  }
  const json::Object* months = TRY(json::object_if(object, "months"));
  if (!months) return out;
  for (const auto& [name, unused] : *months) {
    const json::Object* month = TRY(json::object_if(*months, name));
    if (!month) continue;
    Transfer::Moved& moved = out.months[std::string(name)];
    moved.in = TRY(json::int_at(*month, "in"));
    moved.out = TRY(json::int_at(*month, "out"));
    moved.public_in = TRY(json::int_or(*month, "publicIn", 0));
    moved.public_out = TRY(json::int_or(*month, "publicOut", 0));
    moved.from.ns = TRY(json::int_at(*month, "from"));
    moved.to.ns = TRY(json::int_at(*month, "to"));
  }
  return out;
}

}  // namespace

bool Transfer::add(const TransferReading& reading, WallTime now) {
  constexpr size_t most_starts = 16;
  auto at = std::ranges::find(last, reading.boot, &TransferReading::boot);
  TransferReading before = at == last.end() ? TransferReading{} : *at;
  // A counter that went back is a new one: a farm that lost its router counts from zero again.
  if (reading.in < before.in || reading.out < before.out) before = {};
  const TransferReading more = {reading.boot, reading.in - before.in, reading.out - before.out,
                                std::max<int64_t>(reading.public_in - before.public_in, 0),
                                std::max<int64_t>(reading.public_out - before.public_out, 0)};
  if (more.in == 0 && more.out == 0) return false;
  if (at != last.end())
    *at = reading;
  else
    last.push_back(reading);
  if (last.size() > most_starts) last.erase(last.begin());
  auto [month, fresh] = months.try_emplace(Month::of(now).name);
  Moved& moved = month->second;
  if (fresh) moved.from = now;
  moved.in += more.in;
  moved.out += more.out;
  moved.public_in += more.public_in;
  moved.public_out += more.public_out;
  moved.to = now;
  return true;
}

store::Change record(const Transfer& transfer) {
  boost::json::object months;
  for (const auto& [name, moved] : transfer.months)
    months[name] = boost::json::object{{"in", moved.in},
                                       {"out", moved.out},
                                       {"publicIn", moved.public_in},
                                       {"publicOut", moved.public_out},
                                       {"from", moved.from.ns},
                                       {"to", moved.to.ns}};
  boost::json::array last;
  for (const TransferReading& one : transfer.last)
    last.push_back(boost::json::object{{"boot", static_cast<int64_t>(one.boot)},
                                       {"in", one.in},
                                       {"out", one.out},
                                       {"publicIn", one.public_in},
                                       {"publicOut", one.public_out}});
  boost::json::object value{{"last", std::move(last)}, {"months", std::move(months)}};
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

namespace {

/// At the book's price, or at that of 2008 by the month's tiers: what comes after `before` bytes.
Money price_of(const char* what, const char* of_2008, int64_t before, int64_t bytes,
               const PriceBook& book) {
  constexpr int64_t gb = 1'000'000'000;
  if (auto price = book.gb.find(what); price != book.gb.end())
    return Money::micros(
        static_cast<int64_t>((static_cast<__int128>(bytes) * price->second + gb / 2) / gb));
  if (of_2008 == nullptr) return {};
  return Money::micros(cost_of({{of_2008, before + bytes}}).micros() -
                       cost_of({{of_2008, before}}).micros());
}

}  // namespace

std::vector<InvoiceLine> lines_of(const std::vector<Transfer>& transfers, const Month& month,
                                  const PriceBook& book) {
  std::vector<InvoiceLine> out;
  int64_t all_in = 0, all_out = 0, unpriced = 0;
  for (const Transfer& transfer : transfers) {
    auto at = transfer.months.find(month.name);
    if (at == transfer.months.end()) continue;
    const Transfer::Moved& moved = at->second;
    auto add = [&](const char* what, const char* of_2008, int64_t bytes, int64_t& before) {
      if (bytes == 0) return;
      InvoiceLine line;
      line.service = "transfer";
      line.resource = transfer.resource;
      line.what = what;
      line.from = moved.from;
      line.to = moved.to;
      line.quantity = bytes;
      line.unit = "bytes";
      line.amount = price_of(what, of_2008, before, bytes, book);
      before += bytes;
      line.application = transfer.application;
      line.component = transfer.component;
      out.push_back(std::move(line));
    };
    add("transfer.in", "bytes.in", moved.public_in, all_in);
    add("transfer.out", "bytes.out", moved.public_out, all_out);
    add("transfer.internal.in", nullptr, moved.in - moved.public_in, unpriced);
    add("transfer.internal.out", nullptr, moved.out - moved.public_out, unpriced);
  }
  return out;
}

}  // namespace croft::farm::meter
