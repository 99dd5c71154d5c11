#include "farm/ec2/records.h"

#include "base/text.h"
#include "farm/ec2/record_io.h"

namespace croft::farm::ec2 {

std::string_view name_of(InstanceState state) {
  switch (state) {
    case InstanceState::pending:
      return "pending";
    case InstanceState::running:
      return "running";
    case InstanceState::shutting_down:
      return "shutting-down";
    case InstanceState::terminated:
      return "terminated";
    case InstanceState::stopping:
      return "stopping";
    case InstanceState::stopped:
      return "stopped";
  }
  return "pending";
}

bool is_live(InstanceState state) {
  switch (state) {
    case InstanceState::pending:
    case InstanceState::running:
    case InstanceState::shutting_down:
    case InstanceState::stopping:
      return true;
    case InstanceState::terminated:
    case InstanceState::stopped:
      return false;
  }
  return false;
}

bool Image::seen_by(std::string_view account) const {
  return owner.empty() || owner == account || is_public ||
         std::ranges::find(users, account) != users.end();
}

std::string Instance::hostname() const {
  return "ip-" + replace_all(private_address, ".", "-");
}

std::string Instance::mac() const {
  std::string out = "02:4d";
  for (const std::string& part : split(private_address, '.'))
    out += fmt::format(":{:02x}", parse_u64(part).value_or(0) & 0xff);
  return out;
}

namespace {

void state_field(RecordWriter& io, const InstanceState& state) {
  io.field("state", static_cast<int>(state));
}
void state_field(RecordReader& io, InstanceState& state) {
  int code = 0;
  io.field("state", code);
  state = static_cast<InstanceState>(code);
  for (int known : {0, 16, 32, 48, 64, 80})
    if (code == known) return;
  io.bad("state");
}

template <class IO, class T>
void instance_fields(IO& io, T& i) {
  io.field("id", i.id);
  io.field("account", i.account);
  io.field("reservation", i.reservation);
  io.field("sequence", i.sequence);
  io.field("launchIndex", i.launch_index);
  io.field("image", i.image);
  io.field("imageFolder", i.image_folder);
  io.field("type", i.type);
  io.field("zone", i.zone);
  io.field("keyName", i.key_name);
  io.field("clientToken", i.client_token);
  io.field("privateAddress", i.private_address);
  io.field("launched", i.launched);
  io.field("created", i.created);
  state_field(io, i.state);
  io.field("reasonCode", i.reason.code);
  io.field("reasonMessage", i.reason.message);
  io.field("transition", i.transition);
  io.field("ended", i.ended);
  io.field("booted", i.booted);
  io.field("metered", i.metered);
  io.field("tags", i.tags);
  io.raw("userData", i.user_data);
  io.field("diskGiB", i.disk_gib);
  io.field("shutdownBehavior", i.shutdown_behavior);
  io.field("terminationProtection", i.termination_protection);
  io.field("monitoring", i.monitoring);
  io.field("tokensRequired", i.tokens_required);
  io.field("metadataEnabled", i.metadata_enabled);
  io.field("metadataTags", i.metadata_tags);
  io.field("hopLimit", i.hop_limit);
  io.later("vpc", i.vpc);
  io.later("subnet", i.subnet);
  io.later("groups", i.groups);
  io.later("wantsPublic", i.wants_public);
  io.later("publicAddress", i.public_address);
  io.later("interface", i.interface);
  io.later("profile", i.profile);
  io.later("stopProtection", i.stop_protection);
  io.later("volumeTags", i.volume_tags);
  io.later("interfaceTags", i.interface_tags);
  io.later("sourceDestCheck", i.source_dest_check);
  io.later("diskSource", i.disk_source);
  io.later("placementGroup", i.placement_group);
  io.later("host", i.host);
  io.later("reseller", i.reseller);
  io.later("margin", i.margin_micros);
  io.later("price", i.price_micros);
  io.later("spotRequest", i.spot_request);
  io.later("interrupted", i.interrupted);
}

template <class IO, class T>
void key_fields(IO& io, T& k) {
  io.field("account", k.account);
  io.field("name", k.name);
  io.field("id", k.id);
  io.field("type", k.type);
  io.field("fingerprint", k.fingerprint);
  io.field("publicKey", k.public_key);
  io.field("created", k.created);
  io.field("tags", k.tags);
}

template <class IO, class T>
void image_fields(IO& io, T& i) {
  io.field("id", i.id);
  io.field("owner", i.owner);
  io.field("name", i.name);
  io.field("description", i.description);
  io.field("folder", i.folder);
  io.field("created", i.created);
  io.field("tags", i.tags);
  io.later("state", i.state);
  io.later("reason", i.reason);
  io.later("snapshot", i.snapshot);
  io.later("diskGiB", i.disk_gib);
  io.later("users", i.users);
  io.later("public", i.is_public);
  io.later("architecture", i.architecture);
  io.later("source", i.source);
  io.later("reseller", i.reseller);
  io.later("margin", i.margin_micros);
}

template <class IO, class T>
void token_fields(IO& io, T& t) {
  io.field("account", t.account);
  io.field("token", t.token);
  io.field("fingerprint", t.fingerprint);
  io.field("reservation", t.reservation);
  io.field("created", t.created);
  io.later("answer", t.answer);
}

}  // namespace

void fields(RecordReader& io, Instance& v) {
  instance_fields(io, v);
}
void fields(RecordWriter& io, const Instance& v) {
  instance_fields(io, v);
}
void fields(RecordReader& io, KeyPair& v) {
  key_fields(io, v);
}
void fields(RecordWriter& io, const KeyPair& v) {
  key_fields(io, v);
}
void fields(RecordReader& io, Image& v) {
  image_fields(io, v);
}
void fields(RecordWriter& io, const Image& v) {
  image_fields(io, v);
}
void fields(RecordReader& io, TokenRecord& v) {
  token_fields(io, v);
}
void fields(RecordWriter& io, const TokenRecord& v) {
  token_fields(io, v);
}

std::string encode(const Instance& instance) {
  return encode_record(instance);
}
std::string encode(const KeyPair& key) {
  return encode_record(key);
}
std::string encode(const Image& image) {
  return encode_record(image);
}
std::string encode(const TokenRecord& token) {
  return encode_record(token);
}

Result<Instance> decode_instance(std::string_view text) {
  return decode_record<Instance>("instance", text);
}
Result<KeyPair> decode_key_pair(std::string_view text) {
  return decode_record<KeyPair>("key pair", text);
}
Result<Image> decode_image(std::string_view text) {
  return decode_record<Image>("image", text);
}
Result<TokenRecord> decode_token(std::string_view text) {
  return decode_record<TokenRecord>("client token", text);
}

}  // namespace croft::farm::ec2
