// Images from outside: root file systems and OCI layouts, from a file of this computer (the farm's
// administrator) or from an object of the farm's S3 (RegisterImage with ImageLocation
// "BUCKET/KEY"). Their folders lie in DATA/images and go when nothing needs them any more.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

struct ImageImport {
  std::string source;  ///< absolute path of an archive, or of the folder of an OCI layout
  std::string name, description;
  std::string account;  ///< owner; empty: everybody may launch it
  Tags tags;
};
/// The new image's id, once it is there and durable. InvalidAMIName.Duplicate.
aio::Task<Result<std::string>> import_image(Core& core, ImageImport wanted);
/// The same from "BUCKET/KEY"; the account must own the bucket.
aio::Task<Result<std::string>> import_object(Core& core, std::string location, ImageImport wanted);
/// Removes folders of images and files of disks that no record names: what a crash or a
/// deregistration left.
aio::Task<Result<>> sweep_files(Core& core);

}  // namespace croft::farm::ec2
