// Files on hosts: what the old types of files do there, and the texts of templates.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "components/registry.h"
#include "engine/component.h"

namespace croft::components {

enum class HostFile { file, text, list, folder };
/// What File, TextFile, TextListFile and Mkdir are where they are placed on a host.
std::unique_ptr<engine::Component> file_on_host(HostFile kind);

/// A type of files that works on the controller's machine as `make` does, and on hosts.
engine::ComponentType file_on_hosts_too(std::string name, std::string doc, HostFile kind,
                                        std::vector<model::AttributeSchema> attributes,
                                        std::function<std::unique_ptr<engine::Component>()> make);

/// `text` with each ${name} replaced. Code::not_found for a name that `values` has not.
Result<std::string> render(std::string_view text, const std::map<std::string, std::string>& values);

}  // namespace croft::components
