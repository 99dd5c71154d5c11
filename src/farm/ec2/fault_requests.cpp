// The farm's administrator asks for faults: GET /faults, POST /faults, POST /faults/undo.
#include <boost/json.hpp>

#include "base/text.h"
#include "farm/ec2/faults.h"
#include "wire/json.h"

namespace croft::farm::ec2 {

namespace {

namespace json = wire::json;

constexpr Fault::Kind kinds[] = {Fault::Kind::refuse,    Fault::Kind::throttle,  Fault::Kind::lag,
                                 Fault::Kind::freeze,    Fault::Kind::kill,      Fault::Kind::link,
                                 Fault::Kind::dns,       Fault::Kind::auth,      Fault::Kind::disk,
                                 Fault::Kind::interrupt, Fault::Kind::spot_price};

Result<Fault::Kind> kind_named(const std::string& name) {
  std::vector<std::string> known;
  for (Fault::Kind kind : kinds) {
    if (name_of(kind) == name) return kind;
    known.emplace_back(name_of(kind));
  }
  Error error(Code::invalid_argument,
              fmt::format("'{}' is no kind of fault: {}", printable(name), join(known, ", ")));
  if (std::string hint = did_you_mean(name, known); !hint.empty()) error.hint(hint);
  return fail(std::move(error));
}

Result<int64_t> bounded(const json::Object& object, std::string_view name, int64_t fallback,
                        int64_t low, int64_t high) {
  int64_t value = TRY(json::int_or(object, name, fallback));
  if (value < low || value > high)
    return fail(Code::invalid_argument,
                fmt::format("{} is {} to {}, not {}", name, low, high, value));
  return value;
}

Result<Fault> fault_from(const json::Object& object) {
  Fault fault;
  fault.kind = TRY(kind_named(TRY(json::string_at(object, "kind"))));
  fault.where = TRY(json::string_or(object, "where", ""));
  fault.action = TRY(json::string_or(object, "action", "*"));
  fault.code = TRY(json::string_or(object, "code", "InternalError"));
  bool price = fault.kind == Fault::Kind::spot_price;
  fault.percent =
      static_cast<int>(TRY(bounded(object, "percent", price ? 400 : 100, 1, price ? 10'000 : 100)));
  fault.rate = static_cast<double>(TRY(bounded(object, "rate", 20, 1, 1'000'000)));
  fault.burst = static_cast<double>(TRY(bounded(object, "burst", 100, 1, 1'000'000)));
  constexpr int64_t hour_ms = 3'600'000;
  fault.lag = Duration::milliseconds(TRY(bounded(object, "lagMs", 1000, 1, hour_ms)));
  bool spot = fault.kind == Fault::Kind::interrupt;
  fault.time =
      Duration::milliseconds(TRY(bounded(object, "timeMs", spot ? 120'000 : 500, 0, hour_ms)));
  fault.down = TRY(json::bool_or(object, "down", false));
  fault.to = TRY(json::string_or(object, "to", ""));
  fault.one_way = TRY(json::bool_or(object, "oneWay", false));
  fault.bytes_per_second = TRY(bounded(object, "bytesPerSecond", 0, 0, int64_t{1} << 40));
  if (fault.kind == Fault::Kind::link && fault.where.empty())
    return fail(Code::invalid_argument,
                "name the instance, host, rack or zone whose link is meant");
  if (fault.kind != Fault::Kind::link && (!fault.to.empty() || fault.one_way))
    return fail(Code::invalid_argument, "only a link has two ends");
  return fault;
}

aio::Task<Result<std::string>> answer_list(std::string text) {
  co_return text;
}

aio::Task<Result<std::string>> undo_one(Faults& faults, std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the fault"));
  std::string id = CO_TRY(json::string_at(object, "id"));
  CO_TRY(co_await faults.undo(id));
  co_return std::string("{}");
}

}  // namespace

aio::Task<Result<std::string>> Faults::post(std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the fault"));
  Fault fault = CO_TRY(fault_from(object));
  Duration length = Duration::milliseconds(CO_TRY(json::int_or(object, "lengthMs", 60'000)));
  std::string id = CO_TRY(co_await begin(std::move(fault), length));
  co_return boost::json::serialize(boost::json::object{{"id", id}});
}

std::string Faults::list() {
  boost::json::array out;
  for (const Fault& fault : all()) {
    boost::json::object one{{"id", fault.id},
                            {"kind", std::string(name_of(fault.kind))},
                            {"until", fault.until.iso8601()}};
    if (!fault.where.empty()) one["where"] = fault.where;
    if (!fault.to.empty()) one["to"] = fault.to;
    bool calls = fault.kind == Fault::Kind::refuse || fault.kind == Fault::Kind::throttle;
    if (calls) one["action"] = fault.action;
    if (fault.kind == Fault::Kind::refuse) {
      one["code"] = fault.code;
      one["percent"] = fault.percent;
    }
    if (!fault.instances.empty())
      one["instances"] = boost::json::array(fault.instances.begin(), fault.instances.end());
    out.push_back(std::move(one));
  }
  return boost::json::serialize(boost::json::object{{"faults", std::move(out)}});
}

void Faults::add_routes() {
  context_.admin.route("GET", "/faults", [this](std::string) { return answer_list(list()); });
  context_.admin.route("POST", "/faults",
                       [this](std::string body) { return post(std::move(body)); });
  context_.admin.route("POST", "/faults/undo",
                       [this](std::string body) { return undo_one(*this, std::move(body)); });
}

}  // namespace croft::farm::ec2
