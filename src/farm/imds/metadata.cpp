#include "farm/imds/metadata.h"

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/secret.h"
#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::imds {

namespace {

constexpr std::string_view versions[] = {
    "1.0",        "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15",
    "2008-02-01", "2008-09-01", "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12",
    "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19", "2016-06-30", "2016-09-02",
    "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03",
    "2021-03-23", "2021-07-15", "2022-09-24", "latest",
};
constexpr std::string_view ttl_header = "X-aws-ec2-metadata-token-ttl-seconds";
constexpr std::string_view token_header = "X-aws-ec2-metadata-token";
constexpr Bytes body_limit = Bytes::kib(64);

std::string identity_document(const Facts& f) {
  wire::json::Object document{
      {"accountId", f.account},
      {"architecture", "x86_64"},
      {"availabilityZone", f.zone},
      {"billingProducts", nullptr},
      {"devpayProductCodes", nullptr},
      {"marketplaceProductCodes", nullptr},
      {"imageId", f.image},
      {"instanceId", f.instance_id},
      {"instanceType", f.type},
      {"kernelId", nullptr},
      {"pendingTime",
       WallTime::from_unix_seconds(f.launched.unix_seconds()).iso8601().substr(0, 19) + "Z"},
      {"privateIp", f.private_address},
      {"ramdiskId", nullptr},
      {"region", f.region},
      {"version", "2017-09-30"},
  };
  return wire::json::pretty(document);
}

/// The children of a folder, one a line; those with children of their own end in '/'.
std::optional<std::string> listing(const std::map<std::string, std::string>& tree,
                                   const std::string& folder) {
  std::string prefix = folder.empty() ? "" : folder + "/";
  std::vector<std::string> names;
  for (auto at = tree.lower_bound(prefix); at != tree.end() && at->first.starts_with(prefix);
       ++at) {
    std::string_view rest = std::string_view(at->first).substr(prefix.size());
    size_t slash = rest.find('/');
    std::string name(rest.substr(0, slash == rest.npos ? rest.size() : slash + 1));
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  if (names.empty()) return std::nullopt;
  return join(names, "\n");
}

std::string role_document(const Facts& f) {
  return fmt::format(
      "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{}\",\n  \"InstanceProfileArn\" : "
      "\"{}\",\n  \"InstanceProfileId\" : \"{}\"\n}}",
      f.keys_from.iso8601(), f.profile_arn, f.profile_id);
}

std::string credentials_document(const Facts& f) {
  return fmt::format(
      "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{}\",\n  \"Type\" : \"AWS-HMAC\",\n  "
      "\"AccessKeyId\" : \"{}\",\n  \"SecretAccessKey\" : \"{}\",\n  \"Token\" : \"{}\",\n  "
      "\"Expiration\" : \"{}\"\n}}",
      f.keys_from.iso8601(), f.access_key, f.secret.reveal(), f.token, f.keys_until.iso8601());
}

}  // namespace

std::map<std::string, std::string> tree_of(const Facts& f) {
  std::map<std::string, std::string> t;
  auto meta = [&](std::string_view name, std::string value) {
    t.emplace("meta-data/" + std::string(name), std::move(value));
  };
  meta("ami-id", f.image);
  meta("ami-launch-index", std::to_string(f.launch_index));
  meta("ami-manifest-path", "(unknown)");
  meta("block-device-mapping/ami", "/dev/sda1");
  meta("block-device-mapping/root", "/dev/sda1");
  meta("hostname", f.hostname);
  if (!f.role.empty()) {
    meta("iam/info", role_document(f));
    meta("iam/security-credentials/" + f.role, credentials_document(f));
  }
  meta("instance-action", "none");
  meta("instance-id", f.instance_id);
  meta("instance-life-cycle", f.spot ? "spot" : "on-demand");
  meta("instance-type", f.type);
  meta("local-hostname", f.hostname);
  meta("local-ipv4", f.private_address);
  meta("mac", f.mac);
  std::string interface = "network/interfaces/macs/" + f.mac + "/";
  meta(interface + "device-number", "0");
  meta(interface + "interface-id", f.interface_id);
  meta(interface + "local-hostname", f.hostname);
  meta(interface + "local-ipv4s", f.private_address);
  meta(interface + "mac", f.mac);
  meta(interface + "owner-id", f.account);
  std::string group_ids, group_names;
  for (const auto& [id, name] : f.groups) {
    group_ids += (group_ids.empty() ? "" : "\n") + id;
    group_names += (group_names.empty() ? "" : "\n") + name;
  }
  meta(interface + "security-group-ids", group_ids);
  meta(interface + "security-groups", group_names);
  if (!f.public_address.empty()) {
    meta("public-ipv4", f.public_address);
    meta("public-hostname", f.public_hostname);
    meta(interface + "public-ipv4s", f.public_address);
    meta(interface + "public-hostname", f.public_hostname);
    meta(interface + "ipv4-associations/" + f.public_address, f.private_address);
  }
  meta(interface + "subnet-id", f.subnet_id);
  meta(interface + "subnet-ipv4-cidr-block", f.subnet_cidr);
  meta(interface + "vpc-id", f.vpc_id);
  meta(interface + "vpc-ipv4-cidr-block", f.vpc_cidr);
  meta(interface + "vpc-ipv4-cidr-blocks", f.vpc_cidr);
  meta("placement/availability-zone", f.zone);
  meta("placement/region", f.region);
  meta("profile", "default-hvm");
  if (!f.public_key.empty()) meta("public-keys/0/openssh-key", f.public_key);
  meta("reservation-id", f.reservation);
  meta("security-groups", group_names);
  meta("services/domain", "amazonaws.com");
  meta("services/partition", "aws");
  if (f.interrupted.ns != 0) {
    std::string time = f.interrupted.iso8601().substr(0, 19) + "Z";
    meta("spot/instance-action",
         fmt::format("{{\"action\":\"{}\",\"time\":\"{}\"}}", f.spot_action, time));
    if (f.spot_action == "terminate") meta("spot/termination-time", time);
  }
  if (f.tags_shown)
    for (const auto& [key, value] : f.tags)
      if (key.find('/') == key.npos) meta("tags/instance/" + key, value);
  t.emplace("dynamic/instance-identity/document", identity_document(f));
  if (!f.user_data.empty()) t.emplace("user-data", f.user_data);
  return t;
}

std::optional<std::string> look_up(const Facts& facts, std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) {
    std::string out;
    for (std::string_view version : versions) out.append(out.empty() ? "" : "\n").append(version);
    return out;
  }
  size_t slash = std::min(path.find('/'), path.size());
  if (std::ranges::find(versions, path.substr(0, slash)) == std::end(versions)) return std::nullopt;
  std::string_view rest = path.substr(slash);
  while (rest.starts_with('/')) rest.remove_prefix(1);
  bool folder_asked = rest.empty() || rest.ends_with('/');
  while (rest.ends_with('/')) rest.remove_suffix(1);
  auto tree = tree_of(facts);
  if (auto leaf = tree.find(std::string(rest)); leaf != tree.end() && !folder_asked)
    return leaf->second;
  if (rest == "meta-data/public-keys" && !facts.public_key.empty()) return "0=" + facts.key_name;
  return listing(tree, std::string(rest));
}

Metadata::Metadata(aio::World& world, std::function<std::optional<Facts>(const std::string&)> facts)
    : world_(world), facts_(std::move(facts)), secret_(32, '\0') {
  world_.random.fill({reinterpret_cast<uint8_t*>(secret_.data()), secret_.size()});
}

std::string Metadata::seal(std::string_view expiry, const std::string& instance) {
  return hmac(Hash::sha256, secret_, fmt::format("{}/{}", instance, expiry));
}

Metadata::Reply Metadata::make_token(const wire::RequestHead& request,
                                     const std::string& instance) {
  // A proxy in front of the service must not be able to fetch tokens.
  if (request.headers.has("X-Forwarded-For")) return {403, "", {}};
  auto seconds = parse_i64(request.headers.value(ttl_header));
  if (!seconds || *seconds < 1 || *seconds > longest_token) return {400, "", {}};
  std::string expiry = std::to_string(world_.clock.wall().unix_seconds() + *seconds);
  std::string token = base64url(expiry + ":" + seal(expiry, instance));
  return {200, token, {{std::string(ttl_header), std::to_string(*seconds)}}};
}

bool Metadata::good_token(std::string_view token, const std::string& instance) {
  if (token.size() > 256) return false;
  std::string padded = replace_all(replace_all(token, "-", "+"), "_", "/");
  while (padded.size() % 4 != 0) padded += '=';
  auto plain = unbase64(padded);
  size_t colon = plain ? plain->find(':') : std::string::npos;
  if (colon == std::string::npos) return false;
  std::string expiry = plain->substr(0, colon);
  if (!constant_time_equal(plain->substr(colon + 1), seal(expiry, instance))) return false;
  return parse_i64(expiry).value_or(0) > world_.clock.wall().unix_seconds();
}

Metadata::Reply Metadata::answer(const wire::RequestHead& request, const std::string& instance) {
  auto facts = facts_(instance);
  if (!facts || !facts->enabled) return {403, "", {}};
  std::string_view path = request.path();
  if (request.method == "PUT") {
    if (path == "/latest/api/token") return make_token(request, instance);
    return {405, "", {{"Allow", "GET, HEAD"}}};
  }
  if (request.method != "GET" && request.method != "HEAD")
    return {405, "", {{"Allow", "GET, HEAD"}}};
  auto token = request.headers.get(token_header);
  if (token ? !good_token(*token, instance) : facts->tokens_required) return {401, "", {}};
  auto found = look_up(*facts, path);
  if (!found) return {404, "", {}};
  bool raw = path.ends_with("/user-data");
  return {
      200, std::move(*found), {{"Content-Type", raw ? "application/octet-stream" : "text/plain"}}};
}

aio::Task<Result<>> Metadata::handle(net::Exchange& exchange, std::string instance) {
  if (auto body = co_await exchange.read_all(body_limit); !body) {
    exchange.close_after();
    co_return co_await exchange.respond(400, {}, "");
  }
  Reply reply = answer(exchange.request(), instance);
  reply.headers.add("Server", "EC2ws");
  co_return co_await exchange.respond(reply.status, std::move(reply.headers),
                                      std::move(reply.body));
}

}  // namespace croft::farm::imds
