// croft-farm-dev: the farm alone, for tests and benches that need no other part of croft.
//   croft-farm-dev DIR HOST:PORT [--no-sync] [--fake-machines[=START]] [--no-ec2] [--inline=BYTES]
//       [--lifecycle-day=DURATION] [--region=NAME] [--topology=FILE]
//       [--no-defence] [--forgetful]    (controls of the bench of overload)
//   croft-farm-dev fill DIR ACCOUNT_ID BUCKETS OBJECTS BYTES    (for benches of many objects)
//   croft-farm-dev account DIR NAME [ACCESS_KEY SECRET [ACCOUNT_ID]] [--sigv2 | --instances=N]
#include <fmt/format.h>

#include <csignal>

#include "aio/real/real_world.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "farm/api/account_json.h"
#include "farm/farm.h"
#include "farm/s3/record.h"
#include "sandbox/spawner.h"
#include "store/store.h"

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

/// One bucket with its objects "o/000000001" ..., straight into the store: for benches of many.
aio::Task<Result<>> fill_bucket(aio::World& world, store::Store& store, std::string name,
                                std::string owner, uint64_t objects, size_t size) {
  constexpr uint64_t in_a_commit = 1000;
  std::string body(size, 'x');
  farm::s3::ObjectRecord record;
  record.size = size;
  record.etag = hex(digest(Hash::md5, body));
  record.modified = world.clock.wall();
  record.content_type = "binary/octet-stream";
  record.in_store = true;
  std::vector<store::Change> changes;
  farm::s3::BucketRecord bucket{.name = name, .owner = owner, .created = world.clock.wall()};
  changes.push_back({"s3/b/" + name, encode(bucket)});
  changes.push_back(
      {"s3/z/" + name, fmt::format("{} {} {}", objects * size, objects, objects * size)});
  for (uint64_t i = 0; i < objects; ++i) {
    record.id = world.random.hex_id(32);
    changes.push_back({fmt::format("s3/o/{}/o/{:09}", name, i), encode(record)});
    if (size > 0) changes.push_back({.key = "s3/d/" + record.id, .value = body, .cold = true});
    if (changes.size() < 2 * in_a_commit) continue;
    CO_TRY(co_await store.commit({}, std::move(changes)));
    changes.clear();
  }
  if (!changes.empty()) CO_TRY(co_await store.commit({}, std::move(changes)));
  co_return Result<>{};
}

/// Half of the objects in the bucket "big", the others spread over `buckets` more.
aio::Task<Result<>> fill(aio::World& world, std::string data, std::string owner, uint64_t buckets,
                         uint64_t objects, size_t size) {
  auto store = CO_TRY(co_await store::open_sqlite(world, data + "/farm.db", {.sync = false}));
  Result<> done = co_await fill_bucket(world, *store, "big", owner, objects / 2, size);
  for (uint64_t i = 0; done && i < buckets; ++i)
    done = co_await fill_bucket(world, *store, fmt::format("bucket-{:06}", i), owner,
                                objects / 2 / std::max<uint64_t>(buckets, 1), size);
  CO_TRY(co_await store->close());
  co_return done;
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
    if (words.back() == "--sigv2") wanted.sigv2 = true;
    if (words.back().starts_with("--instances="))
      wanted.quotas.instances = parse_i64(words.back().substr(12)).value_or(0);
    if (words.size() >= 6 && !words[5].starts_with("--")) wanted.account_id = words[5];
    if (words.size() >= 5) {
      wanted.access_key = words[3];
      wanted.secret_key = Secret(words[4]);
    }
    done = (*real)->run(add((*real)->world(), words[1], std::move(wanted)));
  } else if (words.size() == 6 && words[0] == "fill") {
    auto number = [&words](size_t i) { return parse_u64(words[i]).value_or(0); };
    done =
        (*real)->run(fill((*real)->world(), words[1], words[2], number(3), number(4), number(5)));
  } else if (words.size() >= 2) {
    farm::FarmOptions options{.data = words[0], .listen = words[1]};
    for (const std::string& word : words) {
      if (word == "--no-sync") options.sync = false;
      if (word.starts_with("--fake-machines")) options.fake_machines = true;
      if (word.starts_with("--fake-machines="))
        options.fake_start = Duration::parse(word.substr(16), "ms").value_or(options.fake_start);
      if (word == "--no-ec2") options.ec2 = false;
      if (word == "--no-defence") options.defend = false;
      if (word == "--forgetful") options.remember_keys = false;
      if (word.starts_with("--lifecycle-day="))
        options.lifecycle_day = Duration::parse(word.substr(16), "s").value_or(Duration::hours(24));
      if (word.starts_with("--region=")) options.region = word.substr(9);
      if (word.starts_with("--topology=")) options.topology = word.substr(11);
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
