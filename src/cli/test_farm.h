// What the embedded farm of `croft test` has for a description that says nothing about its farm:
// the account that -D gives, the images that the description names. So descriptions that were
// written for AWS run as they stand. Loop thread only.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "aio/world.h"
#include "model/component.h"

namespace croft::cli {

/// Access keys and secrets of `-D ...id=ID -D ...key=SECRET` with one beginning ("test.aws").
std::vector<std::pair<std::string, std::string>> given_accounts(
    const std::vector<std::string>& properties);
/// Well-formed image ids that components below name as their imageID, each once.
std::vector<std::string> named_images(const model::Component& config);

/// Makes them on the farm whose data are in `data`. Idempotent.
aio::Task<Result<>> furnish_farm(aio::World& world, std::string data,
                                 std::vector<std::string> properties, model::ComponentPtr config);

}  // namespace croft::cli
