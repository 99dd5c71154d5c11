#include "farm/ec2/records.h"

#include <boost/json.hpp>

#include "base/text.h"

namespace croft::farm::ec2 {

namespace json = boost::json;

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

/// Both directions of a record in one list of fields, so that they cannot drift apart.
class Writer {
 public:
  void field(std::string_view name, const std::string& value) { object_[name] = value; }
  void field(std::string_view name, int64_t value) { object_[name] = value; }
  void field(std::string_view name, int value) { object_[name] = value; }
  void field(std::string_view name, bool value) { object_[name] = value; }
  void field(std::string_view name, WallTime value) { object_[name] = value.ns; }
  void field(std::string_view name, InstanceState value) {
    object_[name] = static_cast<int>(value);
  }
  void field(std::string_view name, const Tags& tags) {
    json::object out;
    for (const auto& [key, value] : tags) out[key] = value;
    object_[name] = std::move(out);
  }
  void raw(std::string_view name, const std::string& value) { object_[name] = base64(value); }
  std::string text() const { return json::serialize(object_); }

 private:
  json::object object_;
};

class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}
  void field(std::string_view name, std::string& out) {
    if (auto* v = get(name); v && v->is_string())
      out = std::string(v->get_string());
    else
      bad(name);
  }
  void field(std::string_view name, int64_t& out) {
    if (auto* v = get(name); v && v->is_int64())
      out = v->get_int64();
    else
      bad(name);
  }
  void field(std::string_view name, int& out) {
    int64_t wide = 0;
    field(name, wide);
    out = static_cast<int>(wide);
  }
  void field(std::string_view name, bool& out) {
    if (auto* v = get(name); v && v->is_bool())
      out = v->get_bool();
    else
      bad(name);
  }
  void field(std::string_view name, WallTime& out) { field(name, out.ns); }
  void field(std::string_view name, InstanceState& out) {
    int code = 0;
    field(name, code);
    out = static_cast<InstanceState>(code);
    for (int known : {0, 16, 32, 48, 64, 80})
      if (code == known) return;
    bad(name);
  }
  void field(std::string_view name, Tags& out) {
    auto* v = get(name);
    if (!v || !v->is_object()) return bad(name);
    for (const auto& [key, value] : v->get_object())
      if (value.is_string()) out.emplace(std::string(key), std::string(value.get_string()));
  }
  void raw(std::string_view name, std::string& out) {
    field(name, out);
    auto plain = unbase64(out);
    if (plain)
      out = std::move(*plain);
    else
      bad(name);
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const json::value* get(std::string_view name) const { return object_.if_contains(name); }
  void bad(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
  }
  const json::object& object_;
  std::string wrong_;
};

template <class IO, class T>
void fields_of_instance(IO& io, T& i) {
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
  io.field("state", i.state);
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
}

template <class IO, class T>
void fields_of_key_pair(IO& io, T& k) {
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
void fields_of_image(IO& io, T& i) {
  io.field("id", i.id);
  io.field("owner", i.owner);
  io.field("name", i.name);
  io.field("description", i.description);
  io.field("folder", i.folder);
  io.field("created", i.created);
  io.field("tags", i.tags);
}

template <class IO, class T>
void fields_of_token(IO& io, T& t) {
  io.field("account", t.account);
  io.field("token", t.token);
  io.field("fingerprint", t.fingerprint);
  io.field("reservation", t.reservation);
  io.field("created", t.created);
}

template <class T, class Fields>
Result<T> decode(std::string_view what, std::string_view text, Fields fields) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object())
    return fail(Code::corrupt, fmt::format("the {} record is not JSON", what));
  T out;
  Reader reader(value.get_object());
  fields(reader, out);
  if (!reader.wrong().empty())
    return fail(Code::corrupt, fmt::format("the {} record has no good '{}'", what, reader.wrong()));
  return out;
}

}  // namespace

std::string encode(const Instance& instance) {
  Writer writer;
  fields_of_instance(writer, instance);
  return writer.text();
}
std::string encode(const KeyPair& key) {
  Writer writer;
  fields_of_key_pair(writer, key);
  return writer.text();
}
std::string encode(const Image& image) {
  Writer writer;
  fields_of_image(writer, image);
  return writer.text();
}
std::string encode(const TokenRecord& token) {
  Writer writer;
  fields_of_token(writer, token);
  return writer.text();
}

Result<Instance> decode_instance(std::string_view text) {
  return decode<Instance>("instance", text, [](auto& io, auto& v) { fields_of_instance(io, v); });
}
Result<KeyPair> decode_key_pair(std::string_view text) {
  return decode<KeyPair>("key pair", text, [](auto& io, auto& v) { fields_of_key_pair(io, v); });
}
Result<Image> decode_image(std::string_view text) {
  return decode<Image>("image", text, [](auto& io, auto& v) { fields_of_image(io, v); });
}
Result<TokenRecord> decode_token(std::string_view text) {
  return decode<TokenRecord>("client token", text,
                             [](auto& io, auto& v) { fields_of_token(io, v); });
}

}  // namespace croft::farm::ec2
