// POST .../scale: a group is told how many members it is to have. controller.h describes it.
#include <fmt/format.h>

#include "base/text.h"
#include "controller/routes.h"
#include "engine/node.h"

namespace croft::controller {

namespace {
constexpr const char* group_type = "croft.InstanceGroup";
}

aio::Task<Result<>> scale(Controller::State& state, net::Exchange& exchange,
                          const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  std::string path(match.query.value("path"));
  auto count = parse_i64(match.query.value("count"));
  if (!count || *count < 0)
    co_return fail(Code::invalid_argument,
                   fmt::format("'{}' is no number of members", match.query.value("count")));
  auto found = application->all_nodes().find(path);
  std::vector<std::string> groups;
  for (const auto& [other, each] : application->all_nodes())
    if (each->record.type == group_type) groups.push_back(other);
  std::string hint = groups.empty() ? fmt::format("{} has no InstanceGroup", application->name())
                                    : fmt::format("its groups: {}", join(groups, ", "));
  if (found == application->all_nodes().end() || found->second->ended() || !found->second->object)
    co_return fail(Error(Code::not_found, fmt::format("there is no running '{}'", printable(path)))
                       .hint(hint));
  std::shared_ptr<engine::Node> node = found->second;
  if (node->record.type != group_type)
    co_return fail(Error(Code::unsupported,
                         fmt::format("{} is a {}: only an InstanceGroup has a number of members",
                                     path, node->record.type))
                       .hint(hint));
  uint64_t seq = application->last_event() + 1;
  CO_TRY(co_await node->object->receive(node->context, fmt::format("scale {}", *count)));
  co_return co_await reply(
      exchange, 202,
      {{"name", application->name()}, {"path", path}, {"count", *count}, {"seq", seq}});
}

}  // namespace croft::controller
