#include "cli/saved_plan_file.h"

#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "protocol/json_model.h"

namespace croft::cli {

namespace json = wire::json;

namespace {
constexpr const char* mark = "croftPlan";
constexpr int64_t format = 1;
constexpr std::string_view beginning = "{\"croftPlan\"";
constexpr Bytes largest = Bytes::mib(128);
}  // namespace

aio::Task<Result<>> write_saved_plan(aio::World& world, std::string file, const UpRequest& request,
                                     json::Object answer) {
  json::Object whole{{mark, format},
                     {"name", request.name},
                     {"made", protocol::time_text(world.clock.wall())},
                     {"farm", text_member(request.farm, "kind")},
                     {"farmText", request.farm_text},
                     {"text", text_member(answer, "text")},
                     {"sealed", text_member(answer, "sealed")}};
  auto written = co_await world.disk.write_file(file, json::compact(whole) + "\n");
  if (!written) co_return fail(std::move(written).error().frame("writing the plan to " + file));
  co_return Result<>{};
}

aio::Task<Result<json::Object>> saved_plan_view(aio::World& world, std::string file) {
  auto text = CO_TRY(co_await world.disk.read_file(file, largest));
  auto whole = CO_TRY(json::parse_object(text, file, {largest, 8}));
  co_return json::Object{{"name", text_member(whole, "name")},
                         {"made", text_member(whole, "made")},
                         {"farm", text_member(whole, "farmText")},
                         {"text", text_member(whole, "text")}};
}

aio::Task<bool> is_saved_plan(aio::World& world, std::string file) {
  auto info = co_await world.disk.info(file);
  if (!info || info->is_directory) co_return false;
  auto text = co_await world.disk.read_file(file, largest);
  co_return text && text->starts_with(beginning);
}

aio::Task<Result<UpRequest>> read_saved_plan(aio::World& world, Invocation& invocation) {
  std::string file = invocation.positional(0);
  if (!invocation.options.empty())
    co_return fail(
        wrong_argument(fmt::format("{} is a plan and is carried out as it is: {} has no "
                                   "place here",
                                   file, invocation.options.begin()->first)));
  auto text = CO_TRY(co_await world.disk.read_file(file, largest));
  auto whole = CO_TRY(json::parse_object(text, file, {largest, 8}));
  if (int64_t given = CO_TRY(json::int_at(whole, mark)); given != format)
    co_return fail(
        Error(Code::unsupported, fmt::format("{} is a plan of format {}", file, given))
            .hint(fmt::format("this croft reads format {}: make the plan anew", format)));
  UpRequest out;
  out.name = CO_TRY(json::string_at(whole, "name"));
  out.farm_text = CO_TRY(json::string_at(whole, "farmText"));
  out.body = CO_TRY(json::string_at(whole, "sealed"));
  out.target = "/v1/applications?plan=true";
  out.started_something =
      CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  if (CO_TRY(json::string_at(whole, "farm")) == "embedded") {
    auto farm = CO_TRY(co_await ensure_farm(world, invocation.terminal, invocation.home));
    out.started_something |= farm.started;
  }
  co_return out;
}

}  // namespace croft::cli
