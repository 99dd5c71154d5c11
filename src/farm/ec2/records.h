// What the EC2 side keeps: instances, key pairs, images, client tokens, each one JSON record in the
// store. Plain data with encode and decode; decode refuses what it does not understand
// (Code::corrupt).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "farm/ec2/filter.h"

namespace croft::farm::ec2 {

/// The values are EC2's state codes.
enum class InstanceState {
  pending = 0,
  running = 16,
  shutting_down = 32,
  terminated = 48,
  stopping = 64,
  stopped = 80,
};
std::string_view name_of(InstanceState state);
/// Uses memory and processors of the machine.
bool is_live(InstanceState state);

struct StateReason {
  std::string code;  ///< "Client.UserInitiatedShutdown"
  std::string message;
};

struct Instance {
  std::string id;
  std::string account;
  std::string reservation;
  int64_t sequence = 0;  ///< order of launch in this farm: pages and lists go by it
  int launch_index = 0;
  std::string image;         ///< "ami-..."
  std::string image_folder;  ///< empty: the built-in image
  std::string type;
  std::string zone;
  std::string key_name;
  std::string client_token;
  std::string private_address;
  WallTime launched;  ///< of the last start
  WallTime created;
  InstanceState state = InstanceState::pending;
  StateReason reason;
  std::string transition;  ///< "User initiated (2008-04-07 10:00:00 GMT)"
  WallTime ended;          ///< when it became terminated
  bool booted = false;     ///< its init ran at least once
  bool metered = false;    ///< an interval of running time is open
  Tags tags;
  Tags volume_tags, interface_tags;  ///< of its root disk and its own interface
  std::string user_data;             ///< raw
  int64_t disk_gib = 8;
  std::string shutdown_behavior = "stop";
  bool termination_protection = false;
  bool monitoring = false;
  bool tokens_required = false;  ///< IMDS v2 only
  bool metadata_enabled = true;
  bool metadata_tags = false;
  int hop_limit = 1;
  std::string vpc, subnet;          ///< ids
  std::vector<std::string> groups;  ///< ids of its security groups
  bool wants_public = false;        ///< every start gives it a public address of its own
  std::string public_address;       ///< that one, until Stop; empty: none
  std::string interface;            ///< "eni-..." made before the launch; empty: its own
  std::string profile;              ///< name of its instance profile
  bool stop_protection = false;
  bool source_dest_check = true;
  std::string disk_source;      ///< file that its root disk begins as; empty: fresh
  std::string placement_group;  ///< its name
  std::string host;             ///< of the topology; empty: this machine as a whole
  std::string reseller;         ///< earns the image's margin
  int64_t margin_micros = 0;    ///< an hour
  int64_t price_micros = 0;     ///< an hour, as agreed; 0: the list's
  std::string spot_request;     ///< "sir-..."; empty: on demand
  InstanceState state_before = InstanceState::pending;  ///< not kept: of before the last change
  WallTime changed;                                     ///< not kept
  WallTime interrupted;  ///< when a spot instance will be taken away; 0: not announced

  std::string hostname() const;  ///< "ip-10-77-0-5"
  std::string mac() const;       ///< from the private address
};

struct KeyPair {
  std::string account;
  std::string name;
  std::string id;    ///< "key-..."
  std::string type;  ///< rsa | ed25519
  std::string fingerprint;
  std::string public_key;  ///< "ssh-ed25519 AAAA... name"
  WallTime created;
  Tags tags;
};

struct Image {
  std::string id;
  std::string owner;  ///< account; empty: everybody's, shown as owned by amazon
  std::string name;
  std::string description;
  std::string folder;  ///< root file system; empty: the built-in image
  WallTime created;
  Tags tags;
  std::string state = "available";  ///< pending | available | failed
  std::string reason;               ///< why it failed
  std::string snapshot;             ///< "snap-..." of its root disk; empty: none was made
  int64_t disk_gib = 8;
  std::vector<std::string> users;  ///< accounts that may launch it
  bool is_public = false;          ///< everybody may launch it
  std::string architecture = "x86_64";
  std::string source;         ///< the instance or image that it was made from
  std::string reseller;       ///< earns the margin of what runs it, also of copies
  int64_t margin_micros = 0;  ///< an hour

  bool seen_by(std::string_view account) const;
};

/// What a ClientToken stands for.
struct TokenRecord {
  std::string account;
  std::string token;
  std::string fingerprint;
  std::string reservation;
  WallTime created;
  std::string answer;  ///< of actions other than RunInstances: what was said the first time
};

std::string encode(const Instance& instance);
std::string encode(const KeyPair& key);
std::string encode(const Image& image);
std::string encode(const TokenRecord& token);
Result<Instance> decode_instance(std::string_view text);
Result<KeyPair> decode_key_pair(std::string_view text);
Result<Image> decode_image(std::string_view text);
Result<TokenRecord> decode_token(std::string_view text);

}  // namespace croft::farm::ec2
