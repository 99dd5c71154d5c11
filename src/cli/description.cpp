#include "cli/description.h"

#include <netdb.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/machine.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/source.h"
#include "cli/values.h"
#include "components/registry.h"
#include "engine/redact.h"
#include "lang/browse/view.h"

namespace croft::cli {
namespace {

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (!value) return std::nullopt;
  return std::string(value);
}

/// The properties that old descriptions expect of every machine.
std::optional<std::string> usual_property(std::string_view name) {
  if (name == "user.home") return environment("HOME");
  if (name == "user.name")
    return environment("USER").value_or(environment("LOGNAME").value_or("unknown"));
  if (name == "user.dir") return std::filesystem::current_path().string();
  if (name == "java.io.tmpdir") return environment("TMPDIR").value_or("/tmp");
  if (name == "os.name") return "Linux";
  if (name == "file.separator") return "/";
  if (name == "path.separator") return ":";
  if (name == "line.separator") return "\n";
  return std::nullopt;
}

/// `userinput`: only where somebody can answer.
std::optional<std::string> ask(std::string_view prompt) {
  if (isatty(STDIN_FILENO) == 0) return std::nullopt;
  std::fprintf(stderr, "%.*s ", static_cast<int>(prompt.size()), prompt.data());
  std::string answer;
  if (!std::getline(std::cin, answer)) return std::nullopt;
  return answer;
}

/// For `hostExists`.
std::optional<std::string> address_of(std::string_view host) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(std::string(host).c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  char text[NI_MAXHOST] = {};
  if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0,
                  NI_NUMERICHOST) != 0)
    return std::nullopt;
  return text;
}

std::string now() {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return WallTime::from_unix_seconds(seconds.count()).iso8601();
}

}  // namespace

std::vector<Option> description_options() {
  return {
      {"-I,--include", "DIR", "look for included files here too; may be repeated", true},
      {"-D,--property", "NAME=VALUE", "what PROPERTY NAME gives; may be repeated", true},
  };
}

std::vector<Option> options_with_parameters() {
  auto options = description_options();
  options.insert(
      options.end(),
      {
          {"--set", "PATH=VALUE", "a value at the end of the file, such as sfConfig:web:port=80",
           true},
          {"--values", "FILE", "JSON or YAML whose names and values are set, before --set", true},
          {"--environment", "NAME",
           "which of the description's environments to set first (default: CROFT_ENVIRONMENT)"},
      });
  return options;
}

lang::Options language_options(const Invocation& invocation) {
  lang::Options options;
  options.reader = file_reader(invocation);
  options.environment = environment;
  options.ask = ask;
  options.now = now();
  options.machine = {host_name(), host_address(), {}};
  options.include = invocation.values("--include");
  if (auto path = environment("CROFT_PATH"))
    for (auto& folder : split(*path, ':'))
      if (!folder.empty()) options.include.push_back(folder);
  std::map<std::string, std::string, std::less<>> properties;
  for (const auto& given : invocation.values("--property")) {
    auto parts = cut(given, '=');
    properties[std::string(parts ? parts->first : given)] =
        parts ? std::string(parts->second) : "true";
  }
  options.property = [properties](std::string_view name) -> std::optional<std::string> {
    auto found = properties.find(name);
    if (found == properties.end()) return usual_property(name);
    return found->second;
  };
  return options;
}

Result<lang::Options> options_with_parameters(const Invocation& invocation) {
  lang::Options options = language_options(invocation);
  options.machine.address_of = address_of;
  options.environment_name =
      invocation.value("--environment").value_or(environment("CROFT_ENVIRONMENT").value_or(""));
  for (const auto& file : invocation.values("--values")) {
    auto settings = TRY(settings_from_text(file, TRY(options.reader(file))));
    options.settings.insert(options.settings.end(), settings.begin(), settings.end());
  }
  for (const auto& argument : invocation.values("--set"))
    options.settings.push_back(TRY(setting_from_argument(argument)));
  return options;
}

std::vector<std::string> environments_of(Invocation& invocation, const std::string& file) {
  lang::Project project(language_options(invocation));
  auto main = main_file(file);
  return main ? lang::View(project, *main).environments() : std::vector<std::string>{};
}

Result<model::Description> load_description(Invocation& invocation, const std::string& file,
                                            bool strict, HostNames names,
                                            std::optional<std::string> environment) {
  const auto& schemas = components::schemas();
  auto options = TRY(options_with_parameters(invocation));
  if (environment) options.environment_name = *std::move(environment);
  if (names == HostNames::not_asked) options.machine.address_of = {};
  auto resolved = lang::resolve_file(TRY(main_file(file)), options);
  if (!resolved) {
    engine::redact_sources(resolved.error(), schemas);
    return fail(std::move(resolved).error());
  }
  model::Description description = *std::move(resolved);
  auto findings = lang::check(description, schemas, strict);
  for (auto* list : {&findings.errors, &findings.warnings})
    for (Error& error : *list) {
      engine::redact_sources(error, schemas);
      engine::redact(error, *description.root);
    }
  if (!invocation.terminal.quiet)
    for (const auto& warning : findings.warnings) {
      std::string text = warning.render();
      invocation.terminal.note("warning: " + std::string(trim(replace_all(text, "error: ", ""))));
    }
  TRY(findings.result());
  return description;
}

}  // namespace croft::cli
