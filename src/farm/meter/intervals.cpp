#include "farm/meter/intervals.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::meter {

namespace {

namespace json = wire::json;

struct Read {
  Thing thing;
  bool started = true;
  WallTime at;
};

Result<Read> decode(const store::Entry& entry) {
  auto object = TRY(json::parse_object(entry.value, entry.key));
  Read read;
  Thing& thing = read.thing;
  thing.resource = TRY(json::string_at(object, "resource"));
  thing.kind = TRY(json::string_at(object, "kind"));
  thing.zone = TRY(json::string_at(object, "zone"));
  thing.quantity = TRY(json::int_or(object, "quantity", 1));
  thing.price_micros = TRY(json::int_or(object, "price", 0));
  thing.image = TRY(json::string_or(object, "image", ""));
  thing.reseller = TRY(json::string_or(object, "reseller", ""));
  thing.margin_micros = TRY(json::int_or(object, "margin", 0));
  thing.application = TRY(json::string_or(object, "application", ""));
  thing.component = TRY(json::string_or(object, "component", ""));
  read.started = TRY(json::string_at(object, "event")) == "started";
  read.at.ns = TRY(json::int_at(object, "at"));
  return read;
}

/// Pairs what starts with what ends. Of one resource two events may bear the same time: then the
/// one comes first that can (an end while it is open, a start while it is not).
class Pairing {
 public:
  void add(Read read) {
    if (!pending_.empty() && pending_.front().at != read.at) flush();
    pending_.push_back(std::move(read));
  }
  std::vector<Interval> take() {
    flush();
    return std::move(out_);
  }

 private:
  void flush() {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t i = 0; i < pending_.size(); ++i) {
        auto open = open_.find(pending_[i].thing.resource);
        if (pending_[i].started == (open != open_.end())) continue;
        if (pending_[i].started) {
          open_[pending_[i].thing.resource] = out_.size();
          out_.push_back({pending_[i].thing, pending_[i].at, std::nullopt});
        } else {
          out_[open->second].to = pending_[i].at;
          open_.erase(open);
        }
        pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
        moved = true;
        break;
      }
    }
    pending_.clear();  // the end of something from before there was a meter
  }

  std::vector<Read> pending_;  ///< of one moment
  std::map<std::string, size_t> open_;
  std::vector<Interval> out_;
};

}  // namespace

store::Change record(const Mark& mark) {
  const Thing& thing = mark.thing;
  boost::json::object value{{"resource", thing.resource},
                            {"kind", thing.kind},
                            {"zone", thing.zone},
                            {"event", mark.started ? "started" : "ended"},
                            {"at", mark.at.ns}};
  if (thing.quantity != 1) value["quantity"] = thing.quantity;
  if (thing.price_micros != 0) value["price"] = thing.price_micros;
  if (thing.margin_micros != 0) {
    value["image"] = thing.image;
    value["reseller"] = thing.reseller;
    value["margin"] = thing.margin_micros;
  }
  if (!thing.application.empty()) value["application"] = thing.application;
  if (!thing.component.empty()) value["component"] = thing.component;
  return {fmt::format("meter/time/{}/{:019}/{}/{}", mark.account, mark.at.ns, thing.resource,
                      mark.started ? "started" : "ended"),
          boost::json::serialize(value)};
}

aio::Task<Result<std::vector<Interval>>> intervals(store::Store& store, std::string account) {
  Pairing pairing;
  store::Range range = store::prefix(fmt::format("meter/time/{}/", account));
  for (;;) {
    auto entries = CO_TRY(co_await store.range(range));
    for (const store::Entry& entry : entries) pairing.add(CO_TRY(decode(entry)));
    if (entries.size() < range.limit) co_return pairing.take();
    range.from = entries.back().key + '\0';
  }
}

}  // namespace croft::farm::meter
