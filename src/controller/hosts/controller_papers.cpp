// What machines are given that are rented to be controllers of this one's authority.
#include <fmt/format.h>

#include "base/text.h"
#include "controller/controller.h"
#include "controller/hosts/agent_hosts.h"
#include "controller/hosts/user_data.h"
#include "controller/settle.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr Bytes key_limit = Bytes::kib(64);

/// What the papers of one call are sealed with: in the user data of its machines, and nowhere else.
Secret papers_key(const trust::Encryption& encryption, std::string_view client_token) {
  return encryption.derive(fmt::format("papers of a controller {}", client_token));
}

}  // namespace

aio::Task<Result<std::string>> AgentHosts::controller_user_data(engine::RentedController machine) {
  if (auto kept = CO_TRY(co_await records_.user_data(machine.client_token)))
    co_return std::move(*kept);
  ControllerUserData data;
  data.program_url = std::move(machine.program_url);
  data.program_sha256 = std::move(machine.program_sha256);
  data.papers_url = std::move(machine.papers_url);
  data.papers_key = papers_key(encryption_, machine.client_token);
  std::string text = CO_TRY(text_of(data));
  CO_TRY(co_await records_.keep_user_data(machine.client_token, "", text));
  co_return text;
}

aio::Task<Result<std::string>> AgentHosts::controller_papers(std::string client_token,
                                                             std::string what) {
  auto papers = CO_TRY(json::parse_object(what, "what a controller is told"));
  {
    auto lock = CO_TRY(co_await opening_.lock());
    CO_TRY(co_await authority());  // its key is made once, and is one of those handed on
  }
  json::Object files;
  for (const char* name : shared_keys)
    files[name] = base64(CO_TRY(co_await world_.disk.read_file(
        fmt::format("{}/controller/{}", options_.home, name), key_limit)));
  papers["files"] = std::move(files);
  auto sealing =
      CO_TRY(trust::Encryption::of_key(world_.random, papers_key(encryption_, client_token)));
  co_return sealing.seal(Secret(json::compact(papers)), papers_place);
}

aio::Task<Result<std::string>> AgentHosts::pin() {
  auto lock = CO_TRY(co_await opening_.lock());
  co_return CO_TRY(co_await authority())->pin();
}

}  // namespace croft::controller
