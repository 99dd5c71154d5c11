// Secrets on their way to a host: as files there, never as arguments, never in an environment.
// Loop thread only.
#pragma once
#include <vector>

#include "components/host/fields.h"
#include "model/host_work.h"

namespace croft::components {

/// Code::permission_denied, with the place, for a link to a secret in any attribute but `allowed`.
Result<> no_secrets_but_in(const engine::Context& context, std::vector<std::string_view> allowed);

/// The entries of the part `name`, each the name of a file: a text, a link to what has a secret, a
/// Secret.
aio::Task<Result<std::vector<model::SecretFile>>> secret_files(engine::Context& context,
                                                               std::string name);
/// The names alone, checked.
Result<std::vector<std::string>> secret_names(const engine::Context& context,
                                              std::string_view name);

}  // namespace croft::components
