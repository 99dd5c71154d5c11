#include "farm/farm.h"

#include <fmt/format.h>

#include <filesystem>

#include "aio/scope.h"
#include "aio/sync.h"
#include "base/log.h"
#include "base/text.h"
#include "farm/api/account_json.h"
#include "farm/api/admin.h"
#include "farm/api/dispatch.h"
#include "farm/api/file_sealer.h"
#include "farm/ec2/service.h"
#include "farm/meter/bill.h"
#include "farm/meter/usage.h"
#include "farm/s3/service.h"
#include "farm/topology/topology.h"
#include "wire/json.h"

namespace croft::farm {
namespace {

namespace json = wire::json;

constexpr std::string_view id_key = "farm/id";
/// A socket's path must fit sockaddr_un with its final zero.
constexpr size_t max_socket_path = 107;
/// So that a full disk can be emptied: twice what the store's log holds before it is folded.
constexpr Bytes deletions_reserve = Bytes::mib(8);

std::string key_file(std::string_view data) {
  return fmt::format("{}/secret.key", data);
}

Result<std::string> absolute(const std::string& folder) {
  std::error_code bad;
  auto path = std::filesystem::absolute(folder, bad);
  if (bad || folder.empty())
    return fail(Code::invalid_argument, fmt::format("'{}' is no folder", printable(folder)));
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

aio::Task<Result<std::string>> identity(aio::World& world, store::Store& store) {
  auto known = CO_TRY(co_await store.get(std::string(id_key)));
  if (known) co_return known->value;
  std::string fresh = world.random.hex_id(8);
  std::vector<store::Change> changes;
  changes.push_back({std::string(id_key), fresh});
  CO_TRY(co_await store.commit({}, std::move(changes)));
  co_return fresh;
}

/// The files of a farm in its folder; what else lies there is the user's.
aio::Task<Result<>> remove_data(aio::World& world, std::string data) {
  for (std::string_view name : {"s3", "machines", "disks", "images", "credentials"}) {
    auto gone = co_await world.disk.remove_tree(fmt::format("{}/{}", data, name));
    if (!gone && gone.error().code != Code::not_found) co_return gone;
  }
  for (std::string_view name : {"farm.db", "farm.db-wal", "farm.db-shm", "farm.db-reserve",
                                "farm.db.lock", "secret.key", "admin.sock"}) {
    auto gone = co_await world.disk.remove(fmt::format("{}/{}", data, name));
    if (!gone && gone.error().code != Code::not_found) co_return gone;
  }
  co_return Result<>{};
}

}  // namespace

namespace {
aio::Task<Result<std::string>> refused(Error why) {
  co_return fail(std::move(why));
}
}  // namespace

struct Farm::State {
  aio::World& world;
  FarmOptions options;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Sealer> sealer;
  std::unique_ptr<Sessions> sessions;
  std::unique_ptr<Accounts> accounts;
  std::optional<meter::UsageMeter> meter;
  AdminRoutes admin;
  std::optional<Context> context;
  std::unique_ptr<s3::Service> s3;
  std::unique_ptr<Ec2Service> ec2;
  std::optional<FrontDoor> door;
  std::optional<net::HttpServer> http;
  std::optional<net::HttpServer> admin_http;
  std::unique_ptr<aio::Listener> listener;
  std::unique_ptr<aio::Listener> admin_listener;
  aio::Event stopping;
  bool destroying = false;
  bool closed = false;

  explicit State(aio::World& w) : world(w) {}

  aio::Task<Result<>> open();
  aio::Task<Result<>> read_topology();
  aio::Task<Result<>> open_parts(std::string farm_id);
  aio::Task<Result<>> run();
  aio::Task<Result<>> close();
  aio::Task<Result<>> destroy();
  void add_routes();
  void refuse_machines(const Error& why);
  std::string info() const;
  aio::Task<Result<std::string>> usage_request(std::string body);
  aio::Task<Result<std::string>> stop_request(std::string body);
  aio::Task<Result<std::string>> destroy_request();
  aio::Task<Result<std::string>> key_store_fault(std::string body);
};

aio::Task<Result<>> Farm::State::open() {
  options.data = CO_TRY(absolute(options.data));
  CO_TRY(co_await world.disk.make_dirs(options.data));
  if (options.in_memory) {
    store = store::open_memory(world);
  } else {
    store = CO_TRY(co_await open_store(world, options.data,
                                       {.sync = options.sync, .reserve = deletions_reserve}));
  }
  std::string farm_id = CO_TRY(co_await identity(world, *store));
  sealer = CO_TRY(co_await open_file_sealer(world, key_file(options.data)));
  accounts = CO_TRY(co_await Accounts::open(world, *store, *sealer));
  sessions = CO_TRY(co_await Sessions::open(world, *store, *sealer));
  aio::Address address = CO_TRY(aio::Address::parse(options.listen));
  listener = CO_TRY(world.net.listen(address));
  CO_TRY(co_await open_parts(std::move(farm_id)));
  store->started();
  co_return Result<>{};
}

/// Zones, racks and hosts, where a file names them.
aio::Task<Result<>> Farm::State::read_topology() {
  if (options.topology.empty()) co_return Result<>{};
  constexpr Bytes most = Bytes::mib(8);
  std::string text = CO_TRY(co_await world.disk.read_file(options.topology, most));
  auto topology = CO_TRY(Topology::parse(text, options.topology));
  context->zones = topology.zones;
  context->topology = std::make_shared<const Topology>(std::move(topology));
  co_return Result<>{};
}

/// A farm without the right, or the room on its disk, to make sandboxes is a store, and says so to
/// whoever asks for more.
void Farm::State::refuse_machines(const Error& why) {
  log::warn("farm", "only S3 is served: {}", why.line());
  for (const char* method : {"GET", "POST"})
    admin.route(method, "/images", [why](std::string) { return refused(why); });
}

aio::Task<Result<>> Farm::State::open_parts(std::string farm_id) {
  aio::Address local = listener->local();
  meter.emplace(world, *store);
  context.emplace(Context{
      .world = world, .store = *store, .accounts = *accounts, .meter = *meter, .admin = admin});
  context->data = options.data;
  context->farm_id = std::move(farm_id);
  context->region = options.region;
  context->zones = {options.region + "a"};
  CO_TRY(co_await read_topology());
  context->port = local.port;
  // "any address" is no address to reach anything at: this machine's own is.
  if (local.host == "0.0.0.0") local.host = "127.0.0.1";
  if (local.host == "::") local.host = "::1";
  context->url = "http://" + local.text();
  context->sessions = sessions.get();
  context->fake_machines = options.fake_machines, context->fake_start = options.fake_start;
  context->request_limits = options.request_limits;

  s3 = std::make_unique<s3::Service>(
      *context, s3::ServiceOptions{.sync = options.sync,
                                   .inline_limit = options.inline_limit,
                                   .lifecycle_day = options.lifecycle_day,
                                   .consistency = {options.stale_reads, options.late_lists}});
  CO_TRY(co_await s3->open());
  context->export_object = [this](std::string account, std::string bucket, std::string key,
                                  std::string path) {
    return s3->export_object(std::move(account), std::move(bucket), std::move(key),
                             std::move(path));
  };
  meter->sample([this] { return s3->stored_by_class(); });
  http.emplace(world, [this](net::Exchange& exchange) { return door->handle(exchange, {}); });
  context->serve_inside = [this](std::unique_ptr<aio::Listener> inside, std::string instance) {
    return http->serve(std::move(inside), [this, instance](net::Exchange& exchange) {
      return door->handle(exchange, instance);
    });
  };
  add_routes();
  if (options.ec2) {
    auto opened = co_await ec2::open_service(
        *context, {.machines = options.machines ? options.machines(world) : nullptr});
    if (opened)
      ec2 = std::move(*opened);
    else if (opened.error().code == Code::permission_denied ||
             opened.error().code == Code::resource_exhausted)
      refuse_machines(opened.error());
    else
      co_return fail(std::move(opened).error());
  }
  KeyRingLimits key_limits{.defend = options.defend};
  if (!options.remember_keys)
    key_limits.fresh = key_limits.grace = key_limits.absent = Duration::nanoseconds(-1);
  door.emplace(*context, *s3, ec2.get(), options.domains, key_limits);
  context->slow_keys = [this](Duration time, bool down) {
    door->keys().set_fault({.time = time, .down = down});
  };

  std::string socket = admin_socket(options.data);
  if (socket.size() > max_socket_path)
    co_return fail(Error(Code::invalid_argument,
                         fmt::format("the folder's path is too long for a socket: {}", socket))
                       .hint(fmt::format("choose a data folder of at most {} characters",
                                         max_socket_path - 11)));
  // The store's lock says that no other farm serves this folder: a socket found here is a dead
  // one's.
  auto gone = co_await world.disk.remove(socket);
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  admin_listener = CO_TRY(world.net.listen(aio::Address{.path = socket}));
  admin_http.emplace(world,
                     [this](net::Exchange& exchange) { return serve_admin(admin, exchange); });
  co_return Result<>{};
}

void Farm::State::add_routes() {
  admin.route("GET", "/info", [this](std::string) -> aio::Task<Result<std::string>> {
    auto task = [](State& state) -> aio::Task<Result<std::string>> { co_return state.info(); };
    return task(*this);
  });
  admin.route("GET", "/accounts", [this](std::string) -> aio::Task<Result<std::string>> {
    auto task = [](State& state) -> aio::Task<Result<std::string>> {
      std::vector<std::string> texts;
      for (const AccountRef& account : state.accounts->all()) texts.push_back(to_json(*account));
      co_return fmt::format("[{}]", join(texts, ","));
    };
    return task(*this);
  });
  admin.route("POST", "/accounts", [this](std::string body) -> aio::Task<Result<std::string>> {
    auto task = [](State& state, std::string text) -> aio::Task<Result<std::string>> {
      NewAccount wanted = CO_TRY(new_account_from_json(text));
      AccountRef account = CO_TRY(co_await state.accounts->add(std::move(wanted)));
      co_return to_json(*account);
    };
    return task(*this, std::move(body));
  });
  admin.route("POST", "/faults/key-store",
              [this](std::string body) { return key_store_fault(std::move(body)); });
  admin.route("POST", "/verify", [this](std::string) -> aio::Task<Result<std::string>> {
    auto task = [](State& state) -> aio::Task<Result<std::string>> {
      co_return s3::to_json(CO_TRY(co_await state.s3->verify()));
    };
    return task(*this);
  });
  admin.route("POST", "/usage",
              [this](std::string body) { return usage_request(std::move(body)); });
  admin.route("POST", "/bill", [this](std::string body) {
    auto task = [](State& state, std::string text) -> aio::Task<Result<std::string>> {
      auto request = CO_TRY(meter::BillRequest::from_json(text));
      if (state.context->settle_meters) CO_TRY(co_await state.context->settle_meters());
      auto invoice = CO_TRY(co_await meter::bill(state.world, *state.store, *state.accounts,
                                                 *state.meter, std::move(request)));
      co_return json::compact(
          json::Object{{"invoice", *json::parse(invoice.json())}, {"csv", invoice.csv()}});
    };
    return task(*this, std::move(body));
  });
  admin.route("POST", "/stop", [this](std::string body) { return stop_request(std::move(body)); });
  admin.route("POST", "/destroy", [this](std::string) { return destroy_request(); });
}

std::string Farm::State::info() const {
  std::string parts = fmt::format(
      "{{\"url\":{},\"farm\":\"{}\",\"region\":{},\"data\":{},\"accounts\":{},\"s3\":{},\"ec2\":{},"
      "\"keys\":{},\"turns\":{{\"waited\":{},\"refused\":{}}},\"replays\":{},\"traffic\":{}}}",
      json::quote(context->url), context->farm_id, json::quote(context->region),
      json::quote(options.data), accounts->all().size(), s3->info(), ec2 ? ec2->info() : "null",
      door->keys().info(), door->turns().waited(), door->turns().refused(),
      door->authenticator().replays(),
      json::compact(json::Object{{"requests", meter->requests()},
                                 {"failures", meter->failures()},
                                 {"bytesIn", meter->bytes_in()},
                                 {"bytesOut", meter->bytes_out()}}));
  return parts;
}

/// {"account": NAME or id}: what it used, by the hour, and what that costs by the month.
aio::Task<Result<std::string>> Farm::State::usage_request(std::string body) {
  json::Object object = CO_TRY(json::parse_object(body, "usage"));
  std::string name = CO_TRY(json::string_at(object, "account"));
  AccountRef account = accounts->find(name);
  if (!account) account = accounts->find_by_name(name);
  if (!account)
    co_return fail(Code::not_found, fmt::format("no account '{}' on this farm", printable(name)));
  auto hours = CO_TRY(co_await meter->hours(account->account_id));
  auto amounts_json = [](const meter::Amounts& amounts) {
    json::Object out;
    for (const auto& [what, amount] : amounts) out[what] = amount;
    return out;
  };
  json::Array list;
  std::map<std::string, meter::Amounts> months;
  for (const auto& hour : hours) {
    std::string begin = hour.begin.iso8601();
    list.push_back(json::Object{{"begin", begin}, {"amounts", amounts_json(hour.amounts)}});
    for (const auto& [what, amount] : hour.amounts) months[begin.substr(0, 7)][what] += amount;
  }
  json::Array bills;
  for (const auto& [month, amounts] : months)
    bills.push_back(json::Object{{"month", month},
                                 {"amounts", amounts_json(amounts)},
                                 {"costMicros", meter::cost_of(amounts).micros()},
                                 {"cost", meter::cost_of(amounts).text()}});
  co_return json::compact(json::Object{{"account", account->name},
                                       {"accountId", account->account_id},
                                       {"hours", std::move(list)},
                                       {"months", std::move(bills)}});
}

/// {"if_empty": true}: only when nobody has a bucket or a machine.
aio::Task<Result<std::string>> Farm::State::stop_request(std::string body) {
  bool if_empty = false;
  if (!trim(body).empty()) {
    json::Object object = CO_TRY(json::parse_object(body, "stop"));
    if_empty = CO_TRY(json::bool_or(object, "if_empty", false));
  }
  bool empty = s3->index().bucket_count() == 0 && (!ec2 || ec2->live() == 0);
  bool stop = !if_empty || empty;
  if (stop) stopping.set();
  co_return fmt::format("{{\"stopping\":{}}}", stop);
}

/// {"time": "40ms", "down": false}: how the look-up of an access key behaves from now on; {} is
/// as usual.
aio::Task<Result<std::string>> Farm::State::key_store_fault(std::string body) {
  json::Object object = CO_TRY(json::parse_object(body, "faults/key-store"));
  KeyStoreFault fault;
  fault.time = CO_TRY(Duration::parse(CO_TRY(json::string_or(object, "time", "0s"))));
  fault.down = CO_TRY(json::bool_or(object, "down", false));
  if (fault.time < Duration() || fault.time > Duration::minutes(10))
    co_return fail(Code::invalid_argument, "time must be between 0s and 10min");
  door->keys().set_fault(fault);
  co_return door->keys().info();
}

aio::Task<Result<std::string>> Farm::State::destroy_request() {
  if (ec2) CO_TRY(co_await ec2->destroy());
  destroying = true;
  stopping.set();
  co_return "{\"stopping\":true,\"destroyed\":true}";
}

/// Serves until cancelled; the first part that fails ends the others.
aio::Task<Result<>> Farm::State::run() {
  aio::Scope scope(co_await aio::here());
  scope.spawn(http->serve(std::move(listener)));
  scope.spawn(admin_http->serve(std::move(admin_listener)));
  scope.spawn(s3->run());
  scope.spawn(door->run());
  scope.spawn(meter->run());
  if (ec2) scope.spawn(ec2->run());
  co_return co_await scope.join();
}

aio::Task<Result<>> Farm::State::close() {
  if (std::exchange(closed, true)) co_return Result<>{};
  listener.reset();
  admin_listener.reset();
  Result<> first;
  if (ec2) first = co_await ec2->close();
  if (meter && !destroying) {
    auto written = co_await meter->flush();
    if (first && !written) first = fail(std::move(written).error());
  }
  auto stored = co_await store->close();
  if (first && !stored) first = fail(std::move(stored).error());
  if (destroying) {
    auto removed = co_await remove_data(world, options.data);
    if (first && !removed) first = fail(std::move(removed).error());
  }
  co_return first;
}

aio::Task<Result<>> Farm::State::destroy() {
  if (ec2) CO_TRY(co_await ec2->destroy());
  destroying = true;
  co_return co_await close();
}

Farm::Farm(std::unique_ptr<State> state) : state_(std::move(state)) {}
Farm::~Farm() = default;

aio::Task<Result<std::unique_ptr<Farm>>> Farm::open(aio::World& world, FarmOptions options) {
  auto state = std::make_unique<State>(world);
  state->options = std::move(options);
  Result<> opened = co_await state->open();
  if (!opened) {
    state->closed = !state->store;
    auto closed = co_await aio::shield(state->close());
    if (!closed) log::warn("farm", "closing after a failed start: {}", closed.error().line());
    co_return fail(std::move(opened).error());
  }
  co_return std::unique_ptr<Farm>(new Farm(std::move(state)));
}

aio::Task<Result<>> Farm::serve() {
  auto ended = co_await aio::race(state_->run(), state_->stopping.wait());
  auto closed = co_await aio::shield(state_->close());
  // Told to stop: that the parts were cancelled is what was wanted.
  if (ended.index() == 0) CO_TRY(std::move(std::get<0>(ended)));
  co_return closed;
}

void Farm::stop() {
  state_->stopping.set();
}
aio::Task<Result<>> Farm::destroy() {
  co_return co_await state_->destroy();
}
aio::Task<Result<>> Farm::end_for_good() {
  CO_TRY(co_await state_->destroy_request());
  co_return Result<>{};
}
aio::Task<Result<>> Farm::end_machines() {
  if (state_->ec2) CO_TRY(co_await state_->ec2->destroy());
  co_return Result<>{};
}
aio::Task<Result<std::string>> Farm::verify() {
  co_return s3::to_json(CO_TRY(co_await state_->s3->verify()));
}
aio::Task<Result<>> Farm::close() {
  co_return co_await state_->close();
}
const std::string& Farm::url() const {
  return state_->context->url;
}
Context& Farm::context() {
  return *state_->context;
}

}  // namespace croft::farm
