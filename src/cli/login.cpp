// croft login, croft logout: a controller on another machine.
#include "cli/login.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "cli/application.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "net/http_client.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

std::string file_of(const std::string& home) {
  return home + "/login.json";
}

Result<std::string> fingerprint_from(std::string_view given) {
  std::string out;
  for (char c : given)
    if (c != ':') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  bool hex = out.size() == 64 && std::ranges::all_of(out, [](char c) {
               return std::isxdigit(static_cast<unsigned char>(c)) != 0;
             });
  if (hex) return out;
  return fail(
      wrong_argument("--fingerprint takes 64 hex digits, as croft operator add prints them"));
}

aio::Task<Result<int>> login(aio::World& world, Invocation& invocation) {
  Login wanted = CO_TRY(login_from(invocation));
  // Asked before it is kept: a wrong one changes nothing.
  ControllerClient client(world, wanted);
  auto health = CO_TRY(co_await client.call("GET", "/v1/health"));
  learn_others(wanted, health);
  CO_TRY(co_await keep_login(world, invocation.home, wanted));
  if (invocation.json)
    invocation.terminal.print(json::pretty(
        json::Object{{"url", wanted.url}, {"version", text_member(health, "version")}}));
  else
    invocation.terminal.print(
        fmt::format("the commands of {} go to {} from now on; croft logout "
                    "ends that",
                    invocation.home, wanted.url));
  co_return exit_code::done;
}

int run_login(Invocation& invocation) {
  return run_verb(invocation, login);
}

aio::Task<Result<int>> logout(aio::World& world, Invocation& invocation) {
  bool gone = CO_TRY(co_await drop_login(world, invocation.home));
  if (invocation.json)
    invocation.terminal.print(json::pretty(json::Object{{"loggedOut", gone}}));
  else
    invocation.terminal.print(gone ? "the token is removed; an owner makes it worthless: croft "
                                     "operator rm NAME"
                                   : "this home was not logged in");
  co_return exit_code::done;
}

int run_logout(Invocation& invocation) {
  return run_verb(invocation, logout);
}

}  // namespace

Result<Login> login_from(const Invocation& invocation) {
  Login out;
  out.url = invocation.positional(0);
  while (out.url.ends_with('/')) out.url.pop_back();
  if (!out.url.starts_with("https://") || !net::Url::parse(out.url))
    return fail(wrong_argument(
        fmt::format("'{}' is no address of a controller: https://HOST:PORT", out.url)));
  out.fingerprint = TRY(fingerprint_from(invocation.value("--fingerprint").value_or("")));
  out.token = TRY(read_secret(
      "token", fmt::format("croft {} URL --fingerprint PIN < FILE", invocation.command.path)));
  return out;
}

aio::Task<Result<>> keep_login(aio::World& world, std::string home, Login login) {
  json::Object kept{
      {"url", login.url}, {"fingerprint", login.fingerprint}, {"token", login.token.reveal()}};
  if (!login.others.empty()) kept["others"] = json::Array(login.others.begin(), login.others.end());
  if (!login.farm.empty()) kept["farm"] = login.farm;
  CO_TRY(co_await world.disk.make_dirs(home));
  co_return co_await world.disk.write_file(file_of(home), json::compact(kept), 0600);
}

aio::Task<Result<bool>> drop_login(aio::World& world, std::string home) {
  auto gone = co_await world.disk.remove(file_of(home));
  if (!gone && gone.error().code != Code::not_found) co_return fail(std::move(gone).error());
  co_return gone.has_value();
}

Result<std::optional<Login>> login_of(const std::string& home) {
  std::string file = file_of(home);
  struct stat found{};
  if (stat(file.c_str(), &found) != 0) return std::optional<Login>();
  if (found.st_mode & 077)
    return fail(Error(Code::permission_denied, fmt::format("{} may be read by others", file))
                    .hint(fmt::format("chmod 600 {}", file)));
  std::ifstream stream(file);
  Secret text(std::string(std::istreambuf_iterator<char>(stream), {}));
  auto object = json::parse_object(text.reveal(), file);
  Login out;
  auto url = object ? json::string_at(*object, "url") : Result<std::string>("");
  auto pin = object ? json::string_at(*object, "fingerprint") : Result<std::string>("");
  auto token = object ? json::string_at(*object, "token") : Result<std::string>("");
  // An error of the reader would quote what it read.
  if (!object || !url || !pin || !token)
    return fail(Error(Code::corrupt, fmt::format("{} is no login", file))
                    .hint("croft logout removes it, croft login makes another"));
  out.url = *std::move(url);
  out.farm = json::string_or(*object, "farm", "").value_or("");
  if (auto others = json::array_if(*object, "others"); others && *others)
    for (const auto& each : **others)
      if (each.is_string()) out.others.emplace_back(each.get_string());
  out.fingerprint = *std::move(pin);
  out.token = Secret(*std::move(token));
  return std::optional(std::move(out));
}

bool logged_in(const std::string& home) {
  struct stat found{};
  return stat(file_of(home).c_str(), &found) == 0;
}

Result<> check_here(const std::string& home, std::string what) {
  if (!logged_in(home)) return {};
  return fail(Error(Code::unsupported,
                    fmt::format("{} is done on the machine of the controller, and this home is "
                                "logged in to another",
                                what))
                  .hint("--farm aws or --farm URL, croft logout, or another --home"));
}

Command login_command() {
  return {
      .path = "login",
      .summary = "let the commands of this home go to a controller on another machine",
      .details =
          "The token is read from the standard input. The controller is known by the "
          "fingerprint of its authority, and nothing else is believed. Both come from whoever "
          "runs croft operator add there. They are kept in HOME/login.json, mode 0600.",
      .example = "croft login https://10.0.0.7:7070 --fingerprint 9f86d0... < token",
      .positionals = {{"URL", "where its --api is: https://HOST:PORT"}},
      .options = {{"--fingerprint", "PIN", "SHA-256 of its authority's certificate", false, true}},
      .run = run_login};
}

Command logout_command() {
  return {.path = "logout",
          .summary = "forget the controller on another machine, and the token for it",
          .details = "The commands of this home go to this machine's own controller again.",
          .example = "croft logout",
          .positionals = {},
          .options = {},
          .run = run_logout};
}

}  // namespace croft::cli
