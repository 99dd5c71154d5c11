// croft controller rent, croft controller return: controllers on machines of the farm where the
// applications are. They are an application themselves, of a controller of its own on this machine
// (HOME/rented), which watches them from outside.
#include <fmt/format.h>

#include <csignal>

#include "aio/cancel.h"
#include "base/digest.h"
#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"
#include "components/aws/controllers.h"
#include "controller/controller.h"
#include "controller/operators.h"
#include "trust/authority.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr const char* application = "controllers";
constexpr const char* default_image = "ami-0c40f700000000001";
constexpr size_t token_digits = 64;
constexpr Bytes small = Bytes::mib(1);
constexpr Duration all_within = Duration::minutes(10);
constexpr Duration without_majority = Duration::minutes(2);
constexpr Duration look_again = Duration::seconds(1);

std::string home_of(const Invocation& invocation) {
  return invocation.home + "/rented";
}
std::string description_file(const std::string& home) {
  return fmt::format("{}/{}.sf", home, application);
}
std::string token_file(const std::string& home) {
  return home + "/owner.token";
}

/// Made once: what is rented anew has the same owner.
aio::Task<Result<Secret>> owner_token(aio::World& world, std::string home) {
  std::string file = token_file(home);
  auto kept = co_await world.disk.read_file(file, small);
  if (kept) co_return Secret(*std::move(kept));
  if (kept.error().code != Code::not_found) co_return fail(std::move(kept).error());
  Secret token(fmt::format("{}.{}", controller::owner_name, world.random.hex_id(token_digits)));
  CO_TRY(co_await world.disk.write_file(file, token.reveal(), 0600));
  co_return token;
}

/// As it stands in a description.
Result<std::string> quoted(const std::string& option, const std::string& text) {
  for (char c : text)
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ')
      return fail(wrong_argument(fmt::format("{} cannot be '{}'", option, printable(text))));
  return fmt::format("\"{}\"", text);
}

Result<std::string> text_of(const Invocation& invocation, const Secret& token) {
  std::string count = invocation.value("--count").value_or("1");
  if (count != "1" && count != "3" && count != "5")
    return fail(wrong_argument(fmt::format(
        "--count takes 1, 3 or 5, not '{}': an even number survives no more than one less",
        count)));
  std::string out = fmt::format(
      "#include \"/croft/controllers.sf\"\n\n"
      "/* croft controller rent made this. */\n"
      "sfConfig extends Controllers {{\n  minCount {};\n  imageID {};\n  ownerDigest \"{}\";\n"
      "  onLoss \"{}\";\n",
      count, TRY(quoted("--image", invocation.value("--image").value_or(default_image))),
      sha256_hex(token.reveal()), count == "1" ? "END" : "REPLACE");
  if (auto type = invocation.value("--instance-type"))
    out += fmt::format("  instanceType {};\n", TRY(quoted("--instance-type", *type)));
  std::vector<std::string> networks;
  for (const auto& network : invocation.values("--operators"))
    networks.push_back(TRY(quoted("--operators", network)));
  if (!networks.empty()) out += fmt::format("  operators [{}];\n", join(networks, ", "));
  return out + "}\n";
}

Result<std::vector<std::string>> urls_of(const json::Object& controllers) {
  const auto* root = TRY(json::object_at(controllers, "root"));
  const auto* published = TRY(json::object_at(*root, "published"));
  std::vector<std::string> out;
  for (const char* name : {"publicAddresses", "addresses"}) {
    const auto* addresses = TRY(json::array_if(*published, name));
    for (const auto& each : addresses ? *addresses : json::Array{})
      if (each.is_string())
        out.push_back(
            fmt::format("https://{}:{}", each.get_string(), components::controllers_api_port));
    if (!out.empty()) return out;
  }
  return fail(Code::unavailable, "the machines of the controllers have no address");
}

/// How it is with the controllers that are rented from here; empty: there are none.
aio::Task<Result<std::string>> phase_of(aio::World& world, Invocation& invocation,
                                        std::string home) {
  CO_TRY(co_await ensure_controller(world, invocation.terminal, home));
  ControllerClient client(world, home);
  auto there = co_await client.call("GET", fmt::format("/v1/applications/{}", application));
  if (!there && there.error().code == Code::not_found) co_return "";
  if (!there) co_return fail(std::move(there).error());
  co_return text_member(*there, "phase");
}

/// The one that asks for other machines than those that there are would lose what those know.
aio::Task<Result<>> same_as_before(aio::World& world, Invocation& invocation, std::string home,
                                   std::string text) {
  auto before = co_await world.disk.read_file(description_file(home), small);
  if (!before && before.error().code == Code::not_found) co_return Result<>{};
  if (!before) co_return fail(std::move(before).error());
  if (*before == text) co_return Result<>{};
  std::string phase = CO_TRY(co_await phase_of(world, invocation, home));
  if (phase.empty() || phase == "terminated") co_return Result<>{};
  co_return fail(
      Error(Code::conflict,
            fmt::format("other controllers are rented: {} says which", description_file(home)))
          .hint(
              "croft controller return gives them back; without options they are brought up again "
              "as they are"));
}

/// Of its own text.
size_t count_in(std::string_view description) {
  constexpr std::string_view before = "minCount ";
  size_t at = description.find(before);
  if (at == std::string_view::npos) return 1;
  std::string_view number = description.substr(at + before.size());
  return parse_u64(number.substr(0, number.find(';'))).value_or(1);
}

/// One that is being made up for is no controller yet, and who believes it may lose one too many.
aio::Task<Result<std::vector<std::string>>> until_all_answer(aio::World& world,
                                                             Invocation& invocation,
                                                             std::string home, size_t wanted) {
  auto authority = CO_TRY(co_await trust::Authority::open(world, home + "/controller"));
  Login login;
  login.fingerprint = authority.pin();
  ControllerClient client(world, home);
  std::string told;
  Moment had_majority = world.clock.now();
  for (Moment until = had_majority + all_within;;) {
    auto shown =
        CO_TRY(co_await client.call("GET", fmt::format("/v1/applications/{}", application)));
    auto urls = CO_TRY(urls_of(shown));
    std::string silent;
    size_t answering = 0;
    for (const std::string& url : urls) {
      login.url = url;
      if (CO_TRY(co_await answers(world, login)))
        ++answering;
      else
        silent = url + " does not answer yet";
    }
    if (answering * 2 > wanted) had_majority = world.clock.now();
    if (world.clock.now() - had_majority > without_majority)
      co_return fail(
          Error(Code::unavailable,
                fmt::format("{} of {} controllers answer: without a majority nobody leads, "
                            "and no other can join",
                            answering, wanted))
              .hint("croft controller return --anyway gives them back")
              .hint("then croft controller rent, and croft audit and croft down --lost APP "
                    "for what they had rented"));
    if (urls.size() < wanted)
      silent = fmt::format("{} of {} machines are there", urls.size(), wanted);
    if (silent.empty()) co_return urls;
    if (world.clock.now() >= until)
      co_return fail(Error(Code::timeout, silent)
                         .hint(fmt::format("croft status {} --home {}", application, home)));
    if (std::exchange(told, silent) != silent) invocation.terminal.note(silent);
    CO_TRY(co_await world.clock.sleep(look_again));
  }
}

aio::Task<Result<Login>> login_to(aio::World& world, std::string home, Secret token,
                                  std::vector<std::string> urls) {
  auto authority = CO_TRY(co_await trust::Authority::open(world, home + "/controller"));
  Login login;
  login.url = urls.front();
  login.others.assign(urls.begin() + 1, urls.end());
  login.fingerprint = authority.pin();
  login.token = std::move(token);
  co_return co_await leading(world, std::move(login));
}

aio::Task<Result<int>> rent(aio::World& world, Invocation& invocation) {
  auto farm = CO_TRY(chosen_farm(invocation));
  if (farm.kind == cloud::FarmKind::embedded)
    co_return fail(Error(Code::invalid_argument,
                         "the embedded farm is on this machine, and so is its controller")
                       .fact("command_line", "wrong")
                       .hint("--farm aws, or --farm URL of a farm elsewhere"));
  std::string home = home_of(invocation);
  CO_TRY(co_await world.disk.make_dirs(home));
  Secret token = CO_TRY(co_await owner_token(world, home));
  bool plain = !invocation.value("--count") && !invocation.value("--image") &&
               !invocation.value("--instance-type") && invocation.values("--operators").empty();
  auto kept = co_await world.disk.read_file(description_file(home), small);
  std::string text = plain && kept ? *kept : CO_TRY(text_of(invocation, token));
  CO_TRY(co_await same_as_before(world, invocation, home, text));
  CO_TRY(co_await world.disk.write_file(description_file(home), text));

  Invocation inner(invocation);
  inner.home = home;
  inner.positionals = {description_file(home)};
  inner.options.insert_or_assign("--name", std::vector<std::string>{application});
  // The home of who watches them does not know it.
  std::string where = farm.kind == cloud::FarmKind::aws ? "aws" : farm.ec2->url.text();
  inner.options.insert_or_assign("--farm", std::vector<std::string>{where});
  int code =
      CO_TRY(co_await bring_up(world, inner, [](const json::Object&) { return Result<>{}; }));
  if (code != exit_code::done) co_return code;
  auto waited = co_await aio::race(until_all_answer(world, invocation, home, count_in(text)),
                                   world.processes.signal({SIGINT, SIGTERM}));
  if (waited.index() == 1) co_return exit_code::interrupted;
  auto urls = CO_TRY(std::get<0>(std::move(waited)));
  Login login = CO_TRY(co_await login_to(world, home, std::move(token), urls));
  login.farm = where;
  CO_TRY(co_await keep_login(world, invocation.home, login));
  if (invocation.json) {
    invocation.terminal.print(
        json::pretty(json::Object{{"urls", json::Array(urls.begin(), urls.end())},
                                  {"leads", login.url},
                                  {"fingerprint", login.fingerprint}}));
    co_return exit_code::done;
  }
  for (const std::string& url : urls)
    invocation.terminal.print(url == login.url ? url + "  leads" : url);
  invocation.terminal.note(fmt::format(
      "the commands of {} go there from now on; croft controller return gives them back",
      invocation.home));
  co_return exit_code::done;
}

/// Applications that only they know would be left without anybody.
aio::Task<Result<>> nothing_runs_there(aio::World& world, Login login) {
  ControllerClient client(world, std::move(login));
  auto answer = co_await client.call("GET", "/v1/applications");
  if (!answer)
    co_return fail(std::move(answer).error().hint(
        "--anyway gives them back all the same; croft audit finds what they had rented"));
  std::vector<std::string> names;
  const auto* all = CO_TRY(json::array_at(*answer, "applications"));
  for (const auto& each : *all) {
    const auto& line = each.get_object();
    if (text_member(line, "phase") != "terminated") names.push_back(text_member(line, "name"));
  }
  if (names.empty()) co_return Result<>{};
  co_return fail(
      Error(Code::conflict, fmt::format("{} would be left without a controller", join(names, ", ")))
          .hint(fmt::format("croft down {}", names.front())));
}

aio::Task<Result<int>> give_back(aio::World& world, Invocation& invocation) {
  std::string home = home_of(invocation);
  if (!co_await world.disk.info(description_file(home)))
    co_return fail(
        Error(Code::not_found, fmt::format("{} has rented no controllers", invocation.home))
            .hint("croft controller rent --farm URL"));
  std::string phase = CO_TRY(co_await phase_of(world, invocation, home));
  auto login = CO_TRY(login_of(invocation.home));
  // Of a return that was cut off nobody has to be asked again.
  bool begun = phase == "terminating" || phase == "terminated" || phase.empty();
  if (login && !begun && !invocation.flag("--anyway"))
    CO_TRY(co_await nothing_runs_there(world, *std::move(login)));
  Invocation inner(invocation);
  inner.home = home;
  inner.positionals = {application};
  int code = phase.empty() ? exit_code::done : CO_TRY(co_await take_down(world, inner));
  if (code != exit_code::done) co_return code;
  CO_TRY(co_await drop_login(world, invocation.home));
  CO_TRY(co_await world.disk.remove(description_file(home)));
  if (phase.empty()) invocation.terminal.note("nothing was rented");
  co_return exit_code::done;
}

int run_rent(Invocation& invocation) {
  return run_verb(invocation, rent);
}
int run_return(Invocation& invocation) {
  return run_verb(invocation, give_back);
}

}  // namespace

Command controller_rent_command() {
  auto options = account_options();
  std::vector<Option> own = {
      {"--count", "N", "1, or 3 or 5 with their store on etcd (default: 1)"},
      {"--image", "AMI", "of Debian 12 or later (default: the farm's built-in image)"},
      {"--instance-type", "TYPE", "their size (default: m1.small)"},
      {"--operators", "NETWORK", "from where operators may call: 192.0.2.0/24 (default: anywhere)",
       true}};
  options.insert(options.begin(), own.begin(), own.end());
  return {
      .path = "controller rent",
      .summary = "rent machines as controllers, where applications on a farm elsewhere need them",
      .details =
          "Agents have to reach their controller, and this computer cannot be called from the "
          "farm. The machines fetch croft, get their keys, and answer this home's commands by "
          "TLS with a token of its own; croft up, status, exec and the others go there from then "
          "on. A controller of HOME/rented on this machine watches them. Of three, one may be "
          "lost and is made up for; what a single one knows goes with its machine. The same "
          "again, without options, brings up what is missing.",
      .example = "croft controller rent --farm http://10.0.0.5:4566 --count 3",
      .positionals = {},
      .options = std::move(options),
      .run = run_rent};
}

Command controller_return_command() {
  return {
      .path = "controller return",
      .summary = "give rented controllers back, and prove that nothing of them is left",
      .details =
          "Refused while an application runs there: its machines would be left without anybody "
          "who knows them.",
      .example = "croft controller return",
      .positionals = {},
      .options = {{"--anyway", "", "also where applications run there, or where they are silent"}},
      .run = run_return};
}

}  // namespace croft::cli
