// EC2 as croft uses it: the Query API (version 2016-11-15) over signed POSTs, typed. Cheap to copy;
// loop thread only. Source: "Query requests for Amazon EC2", the 2016-11-15 service model.
// Every call is retried by the one policy (net/retry.h) when repeating it is safe: reads, calls
// that are idempotent as they are, and RunInstances with a client token. Errors carry the facts
// aws_code, http_status, request_id; Error::code is the nearest croft::Code: InvalidX.NotFound ->
// not_found, quota and capacity -> resource_exhausted, throttling -> throttled.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/connection.h"
#include "cloud/credentials.h"
#include "cloud/endpoint.h"
#include "cloud/tags.h"

namespace croft::wire::xml {
class Document;
}

namespace croft::cloud {

struct Filter {
  std::string name;                 ///< "instance-state-name", "tag:croft:application"
  std::vector<std::string> values;  ///< ORed; `*` and `?` are wildcards
};

enum class InstanceState {
  pending,
  running,
  shutting_down,
  terminated,
  stopping,
  stopped,
  unknown
};
std::string_view name_of(InstanceState state);  ///< "shutting-down": EC2's word
InstanceState instance_state_from_name(std::string_view name);

struct Instance {
  std::string id;
  std::string reservation_id;
  std::string owner_id;
  std::string image_id;
  InstanceState state = InstanceState::unknown;
  std::string state_reason_code;  ///< "Server.InternalError"
  std::string state_reason;       ///< its message, or the transition reason
  std::string instance_type;
  std::string zone;
  std::string private_address;
  std::string public_address;
  std::string private_dns;
  std::string public_dns;
  std::string key_name;
  std::string client_token;
  std::string launch_time;  ///< ISO 8601, as sent
  int launch_index = 0;
  std::vector<Tag> tags;
};

struct RunInstances {
  std::string image_id;
  int min_count = 1;
  int max_count = 1;
  std::string client_token;   ///< required: makes the call repeatable; at most 64 characters
  std::string instance_type;  ///< empty: the farm's default
  std::string key_name;
  std::string user_data;                     ///< raw; at most 16 KiB
  std::vector<std::string> security_groups;  ///< names
  std::vector<std::string> security_group_ids;
  std::string zone;
  std::string subnet_id;
  std::string instance_profile;  ///< name
  bool public_address = false;   ///< each gets one; security groups must be ids then
  std::vector<Tag> tags;         ///< on the instances
  bool dry_run = false;          ///< succeeds where the real call would
};

struct Reservation {
  std::string id;
  std::vector<Instance> instances;
};

struct DescribeInstances {
  std::vector<std::string> ids;  ///< more than 1,000 are asked for in several calls
  std::vector<Filter> filters;
  int page_size = 1000;  ///< not used when ids are given
};

struct StateChange {
  std::string id;
  InstanceState previous = InstanceState::unknown;
  InstanceState current = InstanceState::unknown;
};

struct InstanceStatus {
  std::string id;
  std::string zone;
  InstanceState state = InstanceState::unknown;
  std::string system_status;  ///< "ok", "impaired", "initializing", "insufficient-data"
  std::string instance_status;
};

struct KeyPair {
  std::string name;
  std::string id;
  std::string fingerprint;
  Secret material;  ///< of CreateKeyPair alone
  std::vector<Tag> tags;
};

struct Image {
  std::string id;
  std::string name;
  std::string state;  ///< "available"
  std::string architecture;
  std::string owner_id;
  std::string root_device_type;
  std::string description;
  std::vector<Tag> tags;
  std::vector<std::string> snapshots;  ///< of its disks
};

struct Snapshot {
  std::string id;
  std::string state;  ///< "completed"
  std::vector<Tag> tags;
};

struct Volume {
  std::string id;
  std::string state;  ///< "in-use"
  std::vector<Tag> tags;
};

/// An elastic IP address.
struct Address {
  std::string id;  ///< of its allocation
  std::string address;
  std::vector<Tag> tags;
};

/// Who may reach the machines of a group, where: one protocol, some ports, networks or the group's
/// own.
struct Ingress {
  std::string protocol = "tcp";
  int from = 0, to = 0;
  std::vector<std::string> networks;  ///< "10.0.0.0/8"; empty: the machines of the group itself
};

struct SecurityGroup {
  std::string id;
  std::string name;
  std::vector<Tag> tags;
};

struct Region {
  std::string name;
  std::string endpoint;
};

struct Zone {
  std::string name;
  std::string state;
  std::string region;
};

struct TaggedResource {
  std::string resource_id;
  std::string resource_type;
  Tag tag;
};

class Ec2 {
 public:
  Ec2(Connection connection, Endpoint endpoint, Credentials credentials);

  /// A copy that tells `waiting` why a call is being repeated.
  Ec2 telling(Waiting waiting) const;
  const Endpoint& endpoint() const { return endpoint_; }

  aio::Task<Result<Reservation>> run_instances(RunInstances request) const;
  /// All pages. An id that is unknown fails the call with Code::not_found; just after RunInstances
  /// that may pass (eventual consistency): ask again or filter by client-token.
  aio::Task<Result<std::vector<Instance>>> describe_instances(DescribeInstances request) const;
  aio::Task<Result<std::vector<InstanceStatus>>> describe_instance_status(
      std::vector<std::string> ids, bool all_states = true) const;
  aio::Task<Result<std::vector<StateChange>>> terminate_instances(
      std::vector<std::string> ids) const;
  aio::Task<Result<std::vector<StateChange>>> stop_instances(std::vector<std::string> ids,
                                                             bool force = false) const;
  aio::Task<Result<std::vector<StateChange>>> start_instances(std::vector<std::string> ids) const;
  aio::Task<Result<>> reboot_instances(std::vector<std::string> ids) const;
  aio::Task<Result<std::string>> console_output(std::string id) const;

  aio::Task<Result<>> create_tags(std::vector<std::string> resources, std::vector<Tag> tags) const;
  aio::Task<Result<>> delete_tags(std::vector<std::string> resources,
                                  std::vector<std::string> keys) const;
  aio::Task<Result<std::vector<TaggedResource>>> describe_tags(std::vector<Filter> filters) const;

  /// Not repeated after it was sent: the key's material exists only in the answer.
  aio::Task<Result<KeyPair>> create_key_pair(std::string name, std::vector<Tag> tags = {}) const;
  /// `public_key`: one OpenSSH line.
  aio::Task<Result<KeyPair>> import_key_pair(std::string name, std::string public_key,
                                             std::vector<Tag> tags = {}) const;
  aio::Task<Result<std::vector<KeyPair>>> describe_key_pairs(
      std::vector<std::string> names = {}, std::vector<Filter> filters = {}) const;
  aio::Task<Result<>> delete_key_pair(std::string name) const;

  aio::Task<Result<std::vector<Image>>> describe_images(std::vector<std::string> ids,
                                                        std::vector<Filter> filters = {},
                                                        std::vector<std::string> owners = {}) const;
  /// Of a running or stopped instance; its id. A name is an account's only once: after a call whose
  /// answer was lost the image is found by it. `tags` go on the image and on its snapshots.
  aio::Task<Result<std::string>> create_image(std::string instance, std::string name,
                                              std::string description, std::vector<Tag> tags) const;
  /// Its snapshots stay. Code::not_found where there is none.
  aio::Task<Result<>> deregister_image(std::string id) const;
  /// The account's own.
  aio::Task<Result<std::vector<Snapshot>>> describe_snapshots(std::vector<Filter> filters) const;
  aio::Task<Result<>> delete_snapshot(std::string id) const;
  /// In the default network; its id. A name is a network's only once: Code::already_exists.
  aio::Task<Result<std::string>> create_security_group(std::string name, std::string description,
                                                       std::vector<Tag> tags) const;
  /// A rule that is there already is no error.
  aio::Task<Result<>> authorize_ingress(std::string group, Ingress rule) const;
  aio::Task<Result<std::vector<SecurityGroup>>> describe_security_groups(
      std::vector<Filter> filters) const;
  /// Code::conflict while a machine is in it.
  aio::Task<Result<>> delete_security_group(std::string id) const;
  aio::Task<Result<std::vector<Volume>>> describe_volumes(std::vector<Filter> filters) const;
  /// Code::conflict while it is attached.
  aio::Task<Result<>> delete_volume(std::string id) const;
  aio::Task<Result<std::vector<Address>>> describe_addresses(std::vector<Filter> filters) const;
  /// Code::conflict while it is associated.
  aio::Task<Result<>> release_address(std::string id) const;
  aio::Task<Result<std::vector<Region>>> describe_regions() const;
  aio::Task<Result<std::vector<Zone>>> describe_zones() const;

  /// What repeating a call may do. `token`: safe because the parameters hold a client token.
  enum class Repeat { never, safe, token };
  /// Any action: parameters without Action and Version; the answer's XML text.
  aio::Task<Result<std::string>> call(std::string action,
                                      std::vector<std::pair<std::string, std::string>> parameters,
                                      Repeat repeat) const;

  using Parameters = std::vector<std::pair<std::string, std::string>>;
  struct Answer {
    std::string text;
    std::shared_ptr<wire::xml::Document> document;
  };

 private:
  /// Signed, sent, judged, repeated; the answer's root is <ActionResponse>.
  aio::Task<Result<Answer>> ask(std::string action, Parameters parameters, Repeat repeat) const;
  aio::Task<Result<std::vector<StateChange>>> change_state(std::string action,
                                                           std::vector<std::string> ids,
                                                           Parameters more) const;

  Connection connection_;
  Endpoint endpoint_;
  Credentials credentials_;
  Waiting waiting_;
};

}  // namespace croft::cloud
