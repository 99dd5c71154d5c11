// A description as the command line names it: read from disk, includes followed, resolved, checked.
#pragma once
#include <string>

#include "cli/command.h"
#include "lang/lang.h"

namespace croft::cli {

/// --include, --property and CROFT_PATH as the language's options.
lang::Options language_options(const Invocation& invocation);
/// The same with --set, --values and --environment; names of hosts are asked for.
Result<lang::Options> options_with_parameters(const Invocation& invocation);

/// Whether `hostExists` may ask for the addresses of hosts.
enum class HostNames { asked, not_asked };

/// Resolves and checks; warnings go to the terminal. `strict`: unknown attributes are errors.
Result<model::Description> load_description(Invocation& invocation, const std::string& file,
                                            bool strict = false, HostNames names = HostNames::asked,
                                            std::optional<std::string> environment = {});
/// The environments that the description has; none where it cannot be read.
std::vector<std::string> environments_of(Invocation& invocation, const std::string& file);

/// The options that verbs with a FILE share.
std::vector<Option> description_options();
/// The same with parameters, for verbs that resolve.
std::vector<Option> options_with_parameters();

}  // namespace croft::cli
