// What the farm's own user may ask of the store through the admin socket: its consistency, a walk
// of the lifecycle rules now.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/service.h"
#include "wire/json.h"

namespace croft::farm::s3 {
namespace {

namespace json = wire::json;

std::string shown(const Consistency& consistency) {
  return json::compact(json::Object{{"reads", consistency.reads.text()},
                                    {"lists", consistency.lists.text()},
                                    {"readsMs", consistency.reads.ms()},
                                    {"listsMs", consistency.lists.ms()}});
}

Result<Consistency> changed(Consistency now, std::string_view body) {
  json::Object object = TRY(json::parse_object(body, "consistency"));
  for (auto [name, field] : {std::pair{"reads", &now.reads}, std::pair{"lists", &now.lists}}) {
    std::string text = TRY(json::string_or(object, name, ""));
    if (text.empty()) continue;
    *field = TRY(Duration::parse(text, "s"));
    if (*field < Duration() || *field > max_delay)
      return fail(Code::invalid_argument,
                  fmt::format("{} must be between 0 s and {}", name, max_delay.text()));
  }
  return now;
}

aio::Task<Result<std::string>> set_consistency(Index& index, std::string body) {
  index.past().set(CO_TRY(changed(index.past().consistency(), body)));
  co_return shown(index.past().consistency());
}

aio::Task<Result<std::string>> get_consistency(Index& index) {
  co_return shown(index.past().consistency());
}

}  // namespace

aio::Task<Result<std::string>> Service::lifecycle_now() {
  LifecycleCount count = CO_TRY(co_await run_lifecycle());
  co_return json::compact(json::Object{{"expired", count.expired},
                                       {"versions", count.versions},
                                       {"uploads", count.uploads},
                                       {"moved", count.moved}});
}

void Service::add_admin_routes() {
  context_.admin.route("GET", "/s3/consistency",
                       [this](std::string) { return get_consistency(index_); });
  context_.admin.route("POST", "/s3/consistency", [this](std::string body) {
    return set_consistency(index_, std::move(body));
  });
  context_.admin.route("POST", "/s3/lifecycle", [this](std::string) { return lifecycle_now(); });
}

}  // namespace croft::farm::s3
