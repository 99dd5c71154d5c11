// The EC2 side of the farm as the front door sees it, opened over the farm's parts; and what the
// administrator can do with it beyond the API.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "farm/api/context.h"
#include "farm/ec2/core.h"
#include "sandbox/sandbox.h"

namespace croft::farm::ec2 {

/// The image that every farm has: made of this machine's own files.
inline constexpr std::string_view builtin_image = "ami-0c40f700000000001";

struct NewImage {
  std::string id;    ///< "ami-26b6534f"
  std::string name;  ///< empty: the id
  std::string description;
  std::string folder;   ///< absolute path of a root file system; empty: the built-in image
  std::string account;  ///< owner's account id; empty: everybody may use it
};

struct ServiceOptions {
  std::unique_ptr<sandbox::Machines>
      machines;                      ///< null: real ones, or records with context.fake_machines
  std::optional<Capacity> capacity;  ///< else of this machine
};

/// Loads the records, opens the machines, finds those that still run. Admin routes: GET and POST
/// /images (NewImage as JSON: id, name, description, folder, account). `context` outlives the
/// result.
aio::Task<Result<std::unique_ptr<Ec2Service>>> open_service(Context& context,
                                                            ServiceOptions options = {});

/// Durable on return. Adding again what is there succeeds; Code::conflict where the id stands for
/// something else; Code::invalid_argument for a bad id or a folder that is not absolute.
aio::Task<Result<>> add_image(Core& core, NewImage image);

}  // namespace croft::farm::ec2
