// What is on the account and carries an application's tag: the proof behind `croft down`.
// It trusts no record of croft's: it asks the farm.
#pragma once
#include <string>
#include <vector>

#include "cloud/ec2.h"
#include "cloud/s3.h"

namespace croft::cloud {

struct Found {
  /// "instance", "bucket", "key pair", "image", "snapshot", "security group", "volume",
  /// "elastic IP"
  std::string kind;
  std::string id;
  std::string component;  ///< the tag croft:component
  std::string application;
  std::string state;  ///< of an instance: "running"; of a volume: "in-use"
  bool keep = false;  ///< carries croft:keep
  std::vector<Tag> tags;
};

struct Swept {
  std::vector<Found> found;        ///< ordered by kind, then id
  std::vector<std::string> notes;  ///< what could not be asked for, in words
};

struct SweepRequest {
  std::string application;  ///< empty: of whatever application
  /// Buckets that the journal names. Where the farm cannot tag buckets these are asked for by name;
  /// where it can, they are looked at too (a bucket may have been made and not yet tagged).
  std::vector<std::string> known_buckets;
  bool only_known_buckets = false;  ///< the account's others are not looked at
  bool instances = true;
  bool buckets = true;
  bool images = false;  ///< and their snapshots
  bool groups = false;  ///< security groups
  bool volumes = false;
  bool addresses = false;  ///< elastic IPs
  /// Every kind of thing that EC2 has.
  void everything_of_ec2() { instances = images = groups = volumes = addresses = true; }
};

/// Terminated and shutting-down instances are not "found". A farm that does not know a kind of
/// thing holds none of it.
aio::Task<Result<Swept>> sweep(Ec2 ec2, S3 s3, SweepRequest request);

/// Returns it: an instance is terminated, a bucket emptied and deleted, a key pair deleted,
/// an image deregistered, a snapshot, a security group or a volume deleted, an address released.
/// Code::conflict: it is in use for now.
aio::Task<Result<>> remove_found(Ec2 ec2, S3 s3, Found found);

}  // namespace croft::cloud
