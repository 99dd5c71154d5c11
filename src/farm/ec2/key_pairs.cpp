// CreateKeyPair, ImportKeyPair, DescribeKeyPairs, DeleteKeyPair. The farm keeps public keys only.
#include "aio/scope.h"
#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/key_material.h"

namespace croft::farm::ec2 {

namespace {

Result<> check_free(Core& core, const std::string& account, const std::string& name) {
  if (!core.state.find_key(account, name)) return {};
  return fail(aws_error("InvalidKeyPair.Duplicate", 400,
                        fmt::format("The keypair '{}' already exists.", printable(name))));
}

void write_key(Xml& xml, const KeyPair& key) {
  xml.text("keyPairId", key.id).text("keyName", key.name).text("keyFingerprint", key.fingerprint);
}

/// Records the pair durably. Somebody may have made the name while the key was computed.
aio::Task<Result<KeyPair>> keep(Core& core, Call call, KeyMaterial material, Tags tags) {
  std::string account = call.account(), name = call.params.text("KeyName");
  CO_TRY(check_free(core, account, name));
  KeyPair key{account,
              name,
              new_id(core.context.world.random, "key"),
              material.type,
              material.fingerprint,
              material.public_key + " " + replace_all(name, "\n", " "),
              core.now(),
              std::move(tags)};
  core.state.add_key(key);
  auto done = co_await core.state.commit("key", {State::put(key)});
  if (!done) {
    core.state.erase_key(key);
    co_return fail(std::move(done).error());
  }
  co_return key;
}

}  // namespace

aio::Task<Answer> create_key_pair(Core& core, Call call) {
  std::string name = call.params.text("KeyName"), type = call.params.text("KeyType", "rsa");
  CO_TRY(check_free(core, call.account(), name));
  auto specs = CO_TRY(read_tag_specs(call.params, {"key-pair"}));
  CO_TRY(call.effect());
  auto material = CO_TRY(co_await aio::blocking(core.context.world, aio::Pool::hash,
                                                [type, name] { return make_key(type, name); }));
  KeyPair key = CO_TRY(co_await keep(core, call, material, tags_for(specs, "key-pair")));
  Xml xml;
  write_key(xml, key);
  xml.text("keyMaterial", material.private_pem.reveal());
  write_tags(xml, key.tags);
  co_return xml.take();
}

aio::Task<Answer> import_key_pair(Core& core, Call call) {
  CO_TRY(check_free(core, call.account(), call.params.text("KeyName")));
  auto specs = CO_TRY(read_tag_specs(call.params, {"key-pair"}));
  CO_TRY(call.effect());
  auto text = unbase64(call.params.text("PublicKeyMaterial"));
  if (!text)
    co_return fail(
        aws_error("InvalidKeyPair.Format", 400, "The public key material is not base64"));
  auto material = read_public_key(*text);
  if (!material)
    co_return fail(
        aws_error("InvalidKeyPair.Format", 400,
                  "Key is not in valid OpenSSH public key format: " + material.error().what));
  KeyPair key =
      CO_TRY(co_await keep(core, call, std::move(*material), tags_for(specs, "key-pair")));
  Xml xml;
  write_key(xml, key);
  write_tags(xml, key.tags);
  co_return xml.take();
}

aio::Task<Answer> delete_key_pair(Core& core, Call call) {
  std::string account = call.account(), name = call.params.text("KeyName"),
              id = call.params.text("KeyPairId");
  if (name.empty() && id.empty())
    co_return fail(aws_error("MissingParameter", 400,
                             "The request must contain the parameter KeyName or KeyPairId"));
  KeyPair* found =
      name.empty() ? core.state.find_key_by_id(account, id) : core.state.find_key(account, name);
  CO_TRY(call.effect());
  // Deleting what is not there succeeds, as in EC2.
  if (found) {
    KeyPair gone = *found;
    core.state.erase_key(gone);
    auto done = co_await core.state.commit("delete-key", {State::remove(gone)});
    if (!done) {
      core.state.add_key(gone);
      co_return fail(std::move(done).error());
    }
  }
  co_return answer_true();
}

namespace {

using Out = std::vector<std::string>&;

constexpr FilterField<KeyPair> key_fields[] = {
    {"key-name", [](const KeyPair& k, Out out) { out.push_back(k.name); }},
    {"key-pair-id", [](const KeyPair& k, Out out) { out.push_back(k.id); }},
    {"fingerprint", [](const KeyPair& k, Out out) { out.push_back(k.fingerprint); }},
};
const Tags& tags_of(const KeyPair& key) {
  return key.tags;
}

}  // namespace

Answer describe_key_pairs(Core& core, const Call& call) {
  auto matches = TRY(Matcher<KeyPair>::make(call.filters, key_fields, tags_of));
  std::string account = call.account();
  auto names = call.params.list("KeyName"), ids = call.params.list("KeyPairId");
  std::vector<KeyPair*> chosen;
  for (const std::string& name : names) {
    KeyPair* key = core.state.find_key(account, name);
    if (!key)
      return fail(aws_error("InvalidKeyPair.NotFound", 400,
                            fmt::format("The key pair '{}' does not exist", printable(name))));
    chosen.push_back(key);
  }
  for (const std::string& id : ids) {
    KeyPair* key = core.state.find_key_by_id(account, id);
    if (!key) return fail(not_found(*id_kind("key"), {id}));
    chosen.push_back(key);
  }
  if (names.empty() && ids.empty()) chosen = core.state.keys_of(account);
  std::erase_if(chosen, [&](KeyPair* key) { return !matches(*key); });
  bool with_public = call.params.flag("IncludePublicKey");
  Xml xml;
  xml.list("keySet", chosen, [&](const KeyPair* key) {
    write_key(xml, *key);
    xml.text("keyType", key->type);
    write_tags(xml, key->tags);
    if (with_public) xml.text("publicKey", key->public_key);
    xml.time("createTime", key->created);
  });
  return xml.take();
}

}  // namespace croft::farm::ec2
