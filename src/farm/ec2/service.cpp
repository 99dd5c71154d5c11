#include "farm/ec2/service.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <csignal>

#include "base/log.h"
#include "base/text.h"
#include "farm/dns/resolver.h"
#include "farm/ec2/address.h"
#include "farm/ec2/gateway_request.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/image_import.h"
#include "farm/ec2/instance_fleets.h"
#include "farm/ec2/placement.h"
#include "farm/ec2/spot.h"
#include "farm/ec2/transfers.h"
#include "farm/imds/metadata.h"
#include "net/http_server.h"
#include "sandbox/fake.h"
#include "wire/json.h"

namespace croft::farm::ec2 {

namespace {

namespace json = wire::json;

constexpr std::string_view metadata_address = "169.254.169.254";
constexpr std::string_view resolver_address = "169.254.169.253";

/// The host of "http://127.0.0.1:7480", for the listener that carries the same URL inside
/// instances.
std::string host_of(std::string_view url) {
  if (size_t at = url.find("://"); at != url.npos) url.remove_prefix(at + 3);
  std::string host(url.substr(0, url.find_first_of(":/")));
  return parse_ipv4(host) && host != "0.0.0.0" ? host : "127.0.0.1";
}

class Service final : public Ec2Service {
 public:
  Service(Context& context, ServiceOptions options)
      : context_(context),
        state_(context.world, context.store),
        machines_(std::move(options.machines)),
        capacity_(options.capacity.value_or(context.fake_machines ? Capacity::of_records()
                                                                  : Capacity::of_this_machine())),
        metadata_(context.world, [this](const std::string& id) { return facts_of(id); }),
        resolver_(context.world, names()),
        http_(context.world, refuse) {}

  aio::Task<Result<>> open();
  aio::Task<Result<std::string>> call(Ec2Request request) override {
    co_return co_await dispatch(*core_, request);
  }
  aio::Task<Result<>> run() override {
    aio::Scope scope(co_await aio::here());
    scope.spawn(fleet_->run());
    scope.spawn(faults_->run());
    scope.spawn(spots_->run());
    scope.spawn(transfers_->run());
    scope.spawn(fleets_->run());
    co_return co_await scope.join();
  }
  std::string info() const override;
  size_t live() const override;
  aio::Task<Result<>> destroy() override { co_return co_await fleet_->destroy_all(); }
  aio::Task<Result<>> close() override { co_return co_await machines_->close(); }

 private:
  /// Every listener of http_ has a handler of its own.
  static aio::Task<Result<>> refuse(net::Exchange& exchange) {
    co_return co_await exchange.respond(404, {}, "");
  }
  aio::Task<Result<>> serve_inside(std::string instance, std::string name, int descriptor);
  std::vector<sandbox::InsideListener> listeners() const;
  std::optional<imds::Facts> facts_of(const std::string& id);
  void add_role(const Instance& instance, imds::Facts& facts);
  dns::Names names();
  std::optional<std::string> address_of(const std::string& asker, std::string_view name);
  std::optional<std::string> name_of_address(const std::string& asker, std::string_view address);
  void add_routes();

  Context& context_;
  State state_;
  std::unique_ptr<sandbox::Machines> machines_;
  Capacity capacity_;
  imds::Metadata metadata_;
  dns::Resolver resolver_;
  net::HttpServer http_;
  std::optional<Fleet> fleet_;
  std::optional<Faults> faults_;
  std::optional<Core> core_;
  std::optional<Spots> spots_;
  std::optional<Transfers> transfers_;
  std::optional<InstanceFleets> fleets_;
};

aio::Task<Result<>> Service::open() {
  CO_TRY(co_await state_.load());
  if (!machines_ && context_.fake_machines) {
    auto fake = std::make_unique<sandbox::FakeMachines>(context_.world);
    fake->start_time = context_.fake_start;
    machines_ = std::move(fake);
  }
  if (!machines_) {
    sandbox::MachinesOptions options;
    options.folder = context_.data + "/machines";
    options.farm_id = context_.farm_id;
    machines_ = CO_TRY(co_await sandbox::open_machines(context_.world, options));
  }
  FleetOptions options;
  options.listeners = listeners();
  options.serve = [this](std::string instance, std::string name, int descriptor) {
    return serve_inside(std::move(instance), std::move(name), descriptor);
  };
  options.volumes = [this](const std::string& instance) {
    std::vector<sandbox::VolumeSpec> out;
    for (const auto& [id, volume] : state_.volumes.all())
      if (volume.instance == instance) out.push_back(core_->volume_spec(volume));
    return out;
  };
  options.disk_file = [this](const std::string& volume) { return core_->disk_file(volume); };
  options.changed = [this] {
    if (faults_) faults_->changed();
  };
  fleet_.emplace(context_.world, state_, *machines_, std::move(options));
  faults_.emplace(context_, state_, *machines_);
  core_.emplace(Core{context_, state_, *fleet_, capacity_, &*faults_});
  spots_.emplace(*core_);
  core_->spots = &*spots_;
  fleets_.emplace(*core_);
  core_->fleets = &*fleets_;
  transfers_.emplace(*core_);
  CO_TRY(co_await transfers_->open());
  context_.settle_meters = [this] { return transfers_->sample(); };
  faults_->interrupt = [this](std::string instance, Duration notice) {
    return spots_->interrupt(std::move(instance), notice);
  };
  if (!state_.find_image(builtin_image))
    CO_TRY(co_await add_image(*core_, {std::string(builtin_image), "croft-builtin",
                                       "Made of this machine's own files", "", ""}));
  context_.find_role = [this](std::string_view account,
                              std::string_view role) -> std::optional<Scope> {
    InstanceProfile* profile = state_.profiles.find(account, fmt::format("{}/{}", account, role));
    if (!profile) return std::nullopt;
    return Scope{profile->services, profile->buckets};
  };
  core_->sweep_disks = true;
  CO_TRY(co_await sweep_files(*core_));
  core_->sweep_disks = false;
  CO_TRY(co_await core_->open());
  CO_TRY(co_await fleet_->recover());
  // A farm that died while machines stood still on its demand does not leave them so.
  std::vector<std::string> running;
  for (const auto& [id, instance] : state_.instances())
    if (instance.state == InstanceState::running) running.push_back(id);
  for (const std::string& id : running)
    if (auto goes_on = co_await machines_->signal(id, SIGCONT); !goes_on)
      log::warn("ec2", "{}", goes_on.error().line());
  add_routes();
  faults_->add_routes();
  co_return Result<>{};
}

size_t Service::live() const {
  size_t count = 0;
  // A stopped instance keeps its disk for somebody.
  for (const auto& [id, instance] : state_.instances())
    count += instance.state != InstanceState::terminated;
  return count;
}

std::string Service::info() const {
  boost::json::object out{
      {"instances", live()}, {"memory", capacity_.memory.count()}, {"cores", capacity_.cores}};
  return boost::json::serialize(out);
}

// ---- inside instances
// -----------------------------------------------------------------------------

std::vector<sandbox::InsideListener> Service::listeners() const {
  std::vector<sandbox::InsideListener> out{
      {"imds", std::string(metadata_address), 80, false},
      {"dns-udp", std::string(resolver_address), 53, true},
      {"dns-tcp", std::string(resolver_address), 53, false},
  };
  if (context_.port != 0) out.push_back({"api", host_of(context_.url), context_.port, false});
  return out;
}

aio::Task<Result<>> Service::serve_inside(std::string instance, std::string name, int descriptor) {
  if (name == "dns-udp") co_return co_await resolver_.serve_udp(descriptor, instance);
  auto listener = context_.world.net.adopt_listener(descriptor);
  if (!listener) {
    ::close(descriptor);
    co_return fail(std::move(listener).error());
  }
  if (name == "dns-tcp") co_return co_await resolver_.serve_tcp(std::move(*listener), instance);
  if (name == "imds")
    co_return co_await http_.serve(std::move(*listener), [this, instance](net::Exchange& exchange) {
      return metadata_.handle(exchange, instance);
    });
  if (name == "api" && context_.serve_inside)
    co_return co_await context_.serve_inside(std::move(*listener), instance);
  co_return Result<>{};
}

std::optional<imds::Facts> Service::facts_of(const std::string& id) {
  Instance* i = state_.find_instance(id);
  if (!i || !core_) return std::nullopt;
  imds::Facts f;
  f.instance_id = i->id;
  f.account = i->account;
  f.region = context_.region;
  f.zone = i->zone;
  f.image = i->image;
  f.type = i->type;
  f.reservation = i->reservation;
  f.private_address = i->private_address;
  f.hostname = core_->private_dns(*i);
  f.mac = i->mac();
  f.subnet_id = i->subnet;
  if (SubnetRecord* subnet = state_.subnets.find(i->subnet)) f.subnet_cidr = subnet->cidr;
  f.vpc_id = i->vpc;
  if (Vpc* vpc = state_.vpcs.find(i->vpc)) f.vpc_cidr = vpc->cidr;
  f.interface_id = core_->interface_of(*i);
  f.groups.clear();
  for (const std::string& group : i->groups) f.groups.emplace_back(group, core_->group_name(group));
  add_role(*i, f);
  f.public_address = core_->public_of(*i);
  f.public_hostname = core_->public_dns(f.public_address);
  f.key_name = i->key_name;
  if (KeyPair* key = state_.find_key(i->account, i->key_name)) f.public_key = key->public_key;
  f.user_data = i->user_data;
  f.launch_index = i->launch_index;
  f.launched = i->launched;
  f.tags = i->tags;
  f.tags_shown = i->metadata_tags;
  f.spot = !i->spot_request.empty();
  f.interrupted = i->interrupted;
  const SpotRequest* bid = state_.spots.find(i->spot_request);
  f.spot_action = bid ? bid->interruption : "terminate";
  f.enabled = i->metadata_enabled;
  f.tokens_required = i->tokens_required;
  return f;
}

/// Keys of the instance's role: the same ones for an hour, good for six.
void Service::add_role(const Instance& i, imds::Facts& f) {
  constexpr Duration same = Duration::hours(1);
  constexpr Duration good = Duration::hours(6);
  InstanceProfile* profile = state_.profiles.find(i.account, i.account + "/" + i.profile);
  if (!profile || !context_.sessions) return;
  WallTime now = context_.world.clock.wall();
  f.role = profile->name;
  f.profile_arn = core_->profile_arn(i);
  f.profile_id = core_->profile_id(i);
  f.keys_from = WallTime{now.ns - now.ns % same.ns()};
  f.keys_until = f.keys_from + good;
  Session session{i.account,   profile->name, i.id, i.id, {profile->services, profile->buckets},
                  f.keys_until};
  Sessions::Keys keys = context_.sessions->issue(session);
  f.access_key = keys.access_key;
  f.secret = keys.secret;
  f.token = keys.token;
}

dns::Names Service::names() {
  return {
      [this](const std::string& asker, std::string_view name) { return address_of(asker, name); },
      [this](const std::string& asker, std::string_view address) {
        return name_of_address(asker, address);
      },
      [this](const std::string& asker) { return faults_ && faults_->dns_silent(asker); }};
}

std::optional<std::string> Service::address_of(const std::string& asker, std::string_view name) {
  Instance* who = state_.find_instance(asker);
  if (!who) return std::nullopt;
  std::string_view host = name.substr(0, name.find('.'));
  std::string_view domain = name.substr(std::min(host.size() + 1, name.size()));
  if (!domain.empty() && domain != "ec2.internal" &&
      domain != context_.region + ".compute.internal")
    return std::nullopt;
  if (host == "instance-data") return std::string(metadata_address);
  Instance* found = nullptr;
  if (host.starts_with("ip-")) found = state_.by_address(replace_all(host.substr(3), "-", "."));
  if (host.starts_with("i-")) found = state_.find_instance(host);
  // Names, like everything else of an account, are not seen by others.
  if (!found || found->account != who->account || found->state == InstanceState::terminated)
    return std::nullopt;
  return found->private_address;
}

std::optional<std::string> Service::name_of_address(const std::string& asker,
                                                    std::string_view address) {
  Instance* who = state_.find_instance(asker);
  Instance* found = state_.by_address(address);
  if (!who || !found || found->account != who->account) return std::nullopt;
  return core_->private_dns(*found);
}

// ---- administration
// -------------------------------------------------------------------------------

aio::Task<Result<std::string>> list_images(Core& core) {
  boost::json::array out;
  for (const std::string& id : [&] {
         std::vector<std::string> ids;
         for (Image* image : core.state.images_of("")) ids.push_back(image->id);
         return ids;
       }()) {
    Image* image = core.state.find_image(id);
    out.push_back(boost::json::object{{"id", image->id},
                                      {"name", image->name},
                                      {"folder", image->folder},
                                      {"account", image->owner}});
  }
  co_return boost::json::serialize(boost::json::object{{"images", std::move(out)}});
}

aio::Task<Result<std::string>> post_image(Core& core, std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the image"));
  NewImage image;
  image.id = CO_TRY(json::string_at(object, "id"));
  image.name = CO_TRY(json::string_or(object, "name", ""));
  image.description = CO_TRY(json::string_or(object, "description", ""));
  image.folder = CO_TRY(json::string_or(object, "folder", ""));
  image.account = CO_TRY(json::string_or(object, "account", ""));
  std::string id = image.id;
  CO_TRY(co_await add_image(core, std::move(image)));
  co_return boost::json::serialize(boost::json::object{{"id", id}});
}

/// {path, name, description, account}: from a file of this computer.
aio::Task<Result<std::string>> post_import(Core& core, std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the image"));
  ImageImport wanted;
  wanted.source = CO_TRY(json::string_at(object, "path"));
  wanted.name = CO_TRY(json::string_at(object, "name"));
  wanted.description = CO_TRY(json::string_or(object, "description", ""));
  wanted.account = CO_TRY(json::string_or(object, "account", ""));
  if (!wanted.source.starts_with('/'))
    co_return fail(Code::invalid_argument,
                   fmt::format("'{}' is not an absolute path", printable(wanted.source)));
  if (wanted.name.size() < 3 || wanted.name.size() > 128)
    co_return fail(Code::invalid_argument, "an image's name has 3 to 128 characters");
  if (!wanted.account.empty()) {
    AccountRef owner = core.context.accounts.find(wanted.account);
    if (!owner) owner = core.context.accounts.find_by_name(wanted.account);
    if (!owner)
      co_return fail(Code::not_found, fmt::format("no account {}", printable(wanted.account)));
    wanted.account = owner->account_id;
  }
  std::string id = CO_TRY(co_await import_image(core, std::move(wanted)));
  co_return boost::json::serialize(boost::json::object{{"id", id}});
}

/// {image, account, perHour}: whoever runs it, or a copy of it, pays that to the account.
aio::Task<Result<std::string>> price_image(Core& core, std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the image's price"));
  std::string id = CO_TRY(json::string_at(object, "image"));
  Image* image = core.state.find_image(id);
  if (!image) co_return fail(Code::not_found, fmt::format("no image '{}'", printable(id)));
  std::string name = CO_TRY(json::string_or(object, "account", image->owner));
  AccountRef account = core.context.accounts.find(name);
  if (!account) account = core.context.accounts.find_by_name(name);
  if (!account)
    co_return fail(Code::not_found,
                   fmt::format("no account '{}' to pay for {}", printable(name), id));
  Money margin = CO_TRY(Money::parse(CO_TRY(json::string_at(object, "perHour"))));
  if (margin < Money())
    co_return fail(Code::invalid_argument, "an image's price is not below zero");
  image->reseller = account->account_id;
  image->margin_micros = margin.micros();
  CO_TRY(co_await core.state.commit("image-price", {State::put(*image)}));
  co_return boost::json::serialize(boost::json::object{
      {"image", id}, {"account", account->account_id}, {"perHourMicros", margin.micros()}});
}

std::vector<std::string> texts_of(const json::Object& object, std::string_view name) {
  std::vector<std::string> out;
  if (auto list = json::array_if(object, name); list && *list)
    for (const json::Value& value : **list)
      if (value.is_string()) out.emplace_back(value.get_string());
  return out;
}

/// Makes a profile, or gives one another scope: {account, name, services, buckets}.
aio::Task<Result<std::string>> post_profile(Core& core, std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the profile"));
  InstanceProfile profile;
  profile.account = CO_TRY(json::string_at(object, "account"));
  profile.name = CO_TRY(json::string_at(object, "name"));
  profile.services = texts_of(object, "services");
  profile.buckets = texts_of(object, "buckets");
  if (AccountRef named = core.context.accounts.find_by_name(profile.account))
    profile.account = named->account_id;
  if (!core.context.accounts.find(profile.account))
    co_return fail(Code::not_found, fmt::format("no account {}", printable(profile.account)));
  bool plain = !profile.name.empty() && profile.name.size() <= 64 &&
               std::ranges::all_of(profile.name, [](char c) {
                 return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') ||
                        std::string_view("+=,.@_-").find(c) != std::string_view::npos;
               });
  if (!plain)
    co_return fail(Code::invalid_argument,
                   fmt::format("'{}' is no profile name: 1 to 64 of [A-Za-z0-9+=,.@_-]",
                               printable(profile.name)));
  for (const std::string& service : profile.services)
    if (service != "ec2" && service != "s3")
      co_return fail(Code::invalid_argument,
                     fmt::format("'{}' is no service of a farm: ec2 or s3", printable(service)));
  profile.id = profile.account + "/" + profile.name;
  InstanceProfile& kept = core.state.profiles.add(std::move(profile));
  std::string arn = fmt::format("arn:aws:iam::{}:instance-profile/{}", kept.account, kept.name);
  CO_TRY(co_await core.state.commit("profile", {core.state.profiles.put(kept)}));
  co_return boost::json::serialize(boost::json::object{{"arn", arn}});
}

void Service::add_routes() {
  Core& core = *core_;
  context_.admin.route("POST", "/gateway", [&core](std::string body) {
    return post_gateway(core, std::move(body));
  });
  context_.admin.route("POST", "/profiles",
                       [&core](std::string body) { return post_profile(core, std::move(body)); });
  context_.admin.route("GET", "/topology", [&core](std::string) {
    auto task = [](Core& all) -> aio::Task<Result<std::string>> { co_return topology_json(all); };
    return task(core);
  });
  context_.admin.route("GET", "/images", [&core](std::string) { return list_images(core); });
  context_.admin.route("POST", "/images/import",
                       [&core](std::string body) { return post_import(core, std::move(body)); });
  context_.admin.route("POST", "/images/price",
                       [&core](std::string body) { return price_image(core, std::move(body)); });
  context_.admin.route("POST", "/images",
                       [&core](std::string body) { return post_image(core, std::move(body)); });
}

}  // namespace

aio::Task<Result<std::unique_ptr<Ec2Service>>> open_service(Context& context,
                                                            ServiceOptions options) {
  auto service = std::make_unique<Service>(context, std::move(options));
  CO_TRY(co_await service->open());
  co_return std::unique_ptr<Ec2Service>(std::move(service));
}

}  // namespace croft::farm::ec2
