// The talk's application in the simulated world: two buckets, up to three instances. Header-only,
// for test/sim.
#pragma once
#include "rig.h"

namespace croft::simtest {

inline constexpr const char* id = "AKIDSIM";
inline constexpr const char* key = "secret-of-sim-0001";

inline constexpr const char* text = R"(
#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { sim extends Account { id "AKIDSIM"; key "secret-of-sim-0001"; instances 5; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends Compound {
  transient extends TransientS3Bucket { bucket "sim-transient";
    username "AKIDSIM"; password "secret-of-sim-0001"; }
  persistent extends PersistentS3Bucket { bucket "sim-persistent";
    username "AKIDSIM"; password "secret-of-sim-0001"; }
  service extends ImageInstance { id "AKIDSIM"; key "secret-of-sim-0001"; imageID "ami-26b6534f";
    minCount 2; maxCount 3; }
}
)";

using Buckets = std::vector<std::string>;
using Instances = std::map<std::string, int>;

inline Result<json::Object> up(Rig& rig) {
  return rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    auto description = resolved("talk.sf", text);
    if (!description) co_return fail(std::move(description).error());
    co_return co_await client.up("talk", *std::move(description));
  });
}
inline Result<json::Object> down(Rig& rig, bool kept = false) {
  return rig.ask<json::Object>([kept](Client& client) { return client.down("talk", kept); });
}
inline Result<Instances> instances(Rig& rig) {
  return rig.ask<Instances>([](Client& client) { return client.instances(id, key); });
}
inline Result<Buckets> buckets(Rig& rig) {
  return rig.ask<Buckets>([](Client& client) { return client.buckets(id, key); });
}
inline std::string phase(const Result<json::Object>& document) {
  return document ? json::string_or(*document, "phase", "").value_or("") : document.error().line();
}
inline size_t size_of(const Result<json::Object>& document, const char* list) {
  return document ? document->at(list).as_array().size() : 999;
}

}  // namespace croft::simtest
