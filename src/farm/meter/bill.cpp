#include "farm/meter/bill.h"

#include <algorithm>

#include "base/text.h"
#include "farm/meter/transfer.h"
#include "wire/json.h"

namespace croft::farm::meter {

namespace {
namespace json = wire::json;
}

Result<BillRequest> BillRequest::from_json(std::string_view body) {
  json::Object object = TRY(json::parse_object(body, "the bill's request"));
  BillRequest out;
  out.account = TRY(json::string_at(object, "account"));
  out.month = TRY(json::string_or(object, "month", ""));
  out.application = TRY(json::string_or(object, "application", ""));
  out.book = PriceBook::standard();
  std::string by = TRY(json::string_or(object, "by", "second"));
  if (by != "second" && by != "hour")
    return fail(
        Code::invalid_argument,
        fmt::format("instances are charged by the second or the hour, not by '{}'", printable(by)));
  if (by == "hour") out.book.unit = PriceBook::Unit::hour;
  if (const json::Object* prices = TRY(json::object_if(object, "prices")))
    TRY(out.book.change(json::compact(*prices)));
  return out;
}

aio::Task<Result<Invoice>> bill(aio::World& world, store::Store& store, const Accounts& accounts,
                                UsageMeter& usage, BillRequest request) {
  AccountRef account = accounts.find(request.account);
  if (!account) account = accounts.find_by_name(request.account);
  if (!account)
    co_return fail(Code::not_found,
                   fmt::format("no account '{}' on this farm", printable(request.account)));
  WallTime now = world.clock.wall();
  Month month = request.month.empty() ? Month::of(now) : CO_TRY(Month::parse(request.month));
  Invoice out{account->name, account->account_id, month.name, {}};
  auto add = [&out](std::vector<InvoiceLine> lines) {
    out.lines.insert(out.lines.end(), std::make_move_iterator(lines.begin()),
                     std::make_move_iterator(lines.end()));
  };
  auto own = CO_TRY(co_await intervals(store, account->account_id));
  add(lines_of(own, month, now, request.book));
  add(lines_of(CO_TRY(co_await transfers_of(store, account->account_id)), month, request.book));
  Amounts used;
  for (const auto& hour : CO_TRY(co_await usage.hours(account->account_id)))
    if (hour.begin >= month.begin && hour.begin < month.end)
      for (const auto& [what, amount] : hour.amounts) used[what] += amount;
  add(lines_of(used, month));
  for (const AccountRef& other : accounts.all())
    add(credits_of(CO_TRY(co_await intervals(store, other->account_id)), account->account_id, month,
                   now, request.book));
  if (!request.application.empty())
    std::erase_if(out.lines,
                  [&](const InvoiceLine& line) { return line.application != request.application; });
  co_return out;
}

}  // namespace croft::farm::meter
