// The shapes of the controller's HTTP API: what CLI and page send and get, and what `--json`
// prints. Pure data with to_json / from_json each. Member names are a contract: add, never change.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/lifecycle.h"
#include "protocol/json_model.h"

namespace croft::protocol {

enum class ApplicationState { going_up, up, failed, going_down, down };
std::string_view name_of(ApplicationState state);  ///< "going-up"
std::optional<ApplicationState> application_state_from_name(std::string_view name);

struct ApplicationSummary {
  std::string name;
  ApplicationState state = ApplicationState::going_up;
  WallTime since;
  std::string why;   ///< of the state: an error, or what is waited for
  std::string farm;  ///< "the embedded farm at http://127.0.0.1:4566"
  std::string file;  ///< the description's
  std::string digest;
  uint64_t version = 0;
  uint64_t components = 0;
  uint64_t running = 0;
  uint64_t instances = 0;  ///< rented now
  uint64_t buckets = 0;
};

struct TreeNode {
  std::string name;
  std::string path;  ///< "app:a:b"
  std::string type;  ///< nearest template: "TransientS3Bucket"
  model::State state = model::State::described;
  WallTime since;
  std::string why;
  std::string host;                    ///< where it runs; empty: the controller
  wire::json::Object attributes;       ///< display form
  std::vector<std::string> resources;  ///< ids outside: "i-0123...", "my-bucket"
  std::optional<model::TerminationRecord> record;
  std::vector<TreeNode> children;
};

struct Status {
  ApplicationSummary application;
  TreeNode tree;
};

/// One thing on the farm in the proof of `down`.
struct Resource {
  std::string kind;  ///< "instance", "bucket", "key pair"
  std::string id;
  std::string component;
  std::optional<WallTime> made;
  std::optional<WallTime> removed;
  std::string why;  ///< why it was kept, or why it is left
};

/// What an application's record says where it did not end by itself.
inline constexpr const char* down_was_asked = "down was asked for";
inline constexpr const char* lifetime_is_over = "its lifetime is over";

/// What `down` ends with. Done only when `left` is empty.
struct DownProof {
  std::string application;
  std::string farm;
  std::vector<Resource> rented;  ///< all that was ever made
  std::vector<Resource> returned;
  std::vector<Resource> kept;      ///< on purpose
  std::vector<Resource> left;      ///< found on the farm and neither returned nor kept
  std::vector<std::string> notes;  ///< what could not be checked
  std::string unasked;  ///< why the farm was not asked, where nothing was ever made on it
  std::string others;   ///< of what carries this name and is another's: nobody's business here
};

struct UpRequest {
  std::string application;
  wire::json::Object description;  ///< packed (json_model.h)
  std::string farm;                ///< what --farm said; empty: chosen by environment
  std::string farm_url;            ///< resolved endpoint; empty for AWS
  std::string region;
  std::string access_key;
  Secret secret_key;  ///< travels over the unix socket or TLS only
  Secret session_token;
  bool keep_on_failure = false;
  std::optional<uint64_t> instance_limit;
  std::optional<Duration> lifetime;
  std::string farm_kind;                  ///< "embedded", "aws", "url"
  std::string farm_admin;                 ///< admin socket of the embedded farm; empty elsewhere
  std::string ec2_url, s3_url;            ///< where they differ from farm_url
  std::string owner;                      ///< tag croft:owner; empty: the user's name
  std::optional<uint64_t> account_limit;  ///< instances of all applications of the controller
};

struct DownRequest {
  std::string application;
  bool force = false;        ///< go on past failures of single components
  bool remove_kept = false;  ///< also what is kept on purpose
};

wire::json::Object to_json(const ApplicationSummary& summary);
Result<ApplicationSummary> summary_from_json(const wire::json::Object& object);
wire::json::Object to_json(const TreeNode& node);
Result<TreeNode> node_from_json(const wire::json::Object& object);
wire::json::Object to_json(const Status& status);
Result<Status> status_from_json(const wire::json::Object& object);
wire::json::Object to_json(const Resource& resource);
Result<Resource> resource_from_json(const wire::json::Object& object);
wire::json::Object to_json(const DownProof& proof);
Result<DownProof> proof_from_json(const wire::json::Object& object);
/// Holds the secret key in clear: for the request's body alone.
wire::json::Object to_json(const UpRequest& request);
Result<UpRequest> up_from_json(const wire::json::Object& object);
wire::json::Object to_json(const DownRequest& request);
Result<DownRequest> down_from_json(const wire::json::Object& object);

}  // namespace croft::protocol
