#include "farm/meter/intervals.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::meter {

store::Change record(const Mark& mark) {
  boost::json::object value{{"resource", mark.resource},
                            {"kind", mark.kind},
                            {"zone", mark.zone},
                            {"event", mark.started ? "started" : "ended"},
                            {"at", mark.at.ns}};
  return {fmt::format("meter/time/{}/{:019}/{}/{}", mark.account, mark.at.ns, mark.resource,
                      mark.started ? "started" : "ended"),
          boost::json::serialize(value)};
}

namespace {

Result<Mark> decode(const store::Entry& entry) {
  auto object = TRY(wire::json::parse_object(entry.value, entry.key));
  Mark mark;
  mark.resource = TRY(wire::json::string_at(object, "resource"));
  mark.kind = TRY(wire::json::string_at(object, "kind"));
  mark.zone = TRY(wire::json::string_at(object, "zone"));
  mark.started = TRY(wire::json::string_at(object, "event")) == "started";
  mark.at.ns = TRY(wire::json::int_at(object, "at"));
  return mark;
}

}  // namespace

aio::Task<Result<std::vector<Interval>>> intervals(store::Store& store, std::string account) {
  std::vector<Interval> out;
  store::Range range = store::prefix(fmt::format("meter/time/{}/", account));
  for (;;) {
    auto entries = CO_TRY(co_await store.range(range));
    for (const store::Entry& entry : entries) {
      Mark mark = CO_TRY(decode(entry));
      if (mark.started) {
        out.push_back({mark.resource, mark.kind, mark.zone, mark.at, std::nullopt});
        continue;
      }
      auto open = std::ranges::find_if(
          out, [&](const Interval& i) { return i.resource == mark.resource && !i.to; });
      if (open != out.end()) open->to = mark.at;
    }
    if (entries.size() < range.limit) co_return out;
    range.from = entries.back().key + '\0';
  }
}

}  // namespace croft::farm::meter
