// croft-farm-dev: the farm alone, for tests and benches that need no other part of croft.
//   croft-farm-dev DIR HOST:PORT [--no-sync] [--fake-machines] [--no-ec2] [--inline=BYTES]
//   croft-farm-dev account DIR NAME [ACCESS_KEY SECRET [ACCOUNT_ID]]
#include <fmt/format.h>

#include <csignal>

#include "aio/real/real_world.h"
#include "base/log.h"
#include "base/text.h"
#include "farm/api/account_json.h"
#include "farm/farm.h"
#include "sandbox/spawner.h"

namespace croft {
namespace {

aio::Task<Result<>> serve(aio::World& world, farm::FarmOptions options) {
  auto farm = CO_TRY(co_await farm::Farm::open(world, std::move(options)));
  fmt::print("{}\n", farm->url());
  std::fflush(stdout);
  auto ended = co_await aio::race(farm->serve(), world.processes.signal({SIGTERM, SIGINT}));
  if (ended.index() == 0) co_return std::get<0>(std::move(ended));
  co_return Result<>{};
}

aio::Task<Result<>> add(aio::World& world, std::string data, farm::NewAccount wanted) {
  farm::Account account =
      CO_TRY(co_await farm::add_account(world, std::move(data), std::move(wanted)));
  fmt::print("{}\n", farm::to_json(account));
  co_return Result<>{};
}

int run(const std::vector<std::string>& words) {
  auto real = aio::RealWorld::open();
  if (!real) {
    fmt::print(stderr, "{}\n", real.error().line());
    return 1;
  }
  Result<> done;
  if (words.size() >= 3 && words[0] == "account") {
    farm::NewAccount wanted{.name = words[2]};
    if (words.size() >= 6) wanted.account_id = words[5];
    if (words.size() >= 5) {
      wanted.access_key = words[3];
      wanted.secret_key = Secret(words[4]);
    }
    done = (*real)->run(add((*real)->world(), words[1], std::move(wanted)));
  } else if (words.size() >= 2) {
    farm::FarmOptions options{.data = words[0], .listen = words[1]};
    for (const std::string& word : words) {
      if (word == "--no-sync") options.sync = false;
      if (word == "--fake-machines") options.fake_machines = true;
      if (word == "--no-ec2") options.ec2 = false;
      if (word.starts_with("--inline="))
        options.inline_limit = Bytes(static_cast<int64_t>(parse_u64(word.substr(9)).value_or(0)));
    }
    done = (*real)->run(serve((*real)->world(), std::move(options)));
  } else {
    fmt::print(stderr, "usage: croft-farm-dev DIR HOST:PORT | account DIR NAME [KEY SECRET]\n");
    return 2;
  }
  if (!done) fmt::print(stderr, "{}\n", done.error().line());
  return done ? 0 : 1;
}

}  // namespace
}  // namespace croft

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "sandbox-spawner")
    return croft::sandbox::spawner_main(argc - 1, argv + 1);
  return croft::run(std::vector<std::string>(argv + 1, argv + argc));
}
