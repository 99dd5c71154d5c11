// Localhost and HostnameIs: the machine that the controller runs on.
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "components/conditions/condition.h"
#include "components/host/host_component.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

/// Asked anew at each deploy: the machine may be another one after a restart.
class Localhost : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    CO_TRY(must_be_here(context));
    std::string target = context.path();
    if (CO_TRY(context.value_if("target"))) {
      auto component = CO_TRY(context.component_or_null("target"));
      target = CO_TRY(context.path_of(component));
    }
    auto set = [&](const char* name, model::Value value) {
      return context.set_of_other(target, name, std::move(value));
    };
    std::string full = machine_name();
    bool unknown = full.empty();
    if (unknown) full = "localhost";
    std::string address = "127.0.0.1";
    auto found = co_await context.world().net.resolve(full);
    if (!found && found.error().code == Code::cancelled) co_return fail(found.error());
    if (found && !found->empty()) address = found->front();
    CO_TRY(set("hostname", full.substr(0, full.find('.'))));
    CO_TRY(set("fullHostname", full));
    CO_TRY(set("address", address));
    CO_TRY(set("deployedHostname", full));
    CO_TRY(set("deployedHostAddress", address));
    CO_TRY(set("isLoopback", is_loopback(address)));
    if (unknown) CO_TRY(set("isHostnameUnknown", true));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    co_return context.done(model::TerminationRecord::normal(context.path(), "the name is known"));
  }
};

class HostnameIs : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    CO_TRY(must_be_here(context));
    std::string name = machine_name();
    for (const auto& item : CO_TRY(context.vector_or_empty("hostnames"))) {
      const auto* text = item.get<std::string>();
      if (!text)
        co_return fail(Code::type_mismatch,
                       fmt::format("hostnames holds a {}, strings are needed", item.kind_name()),
                       context.where("hostnames"));
      if (!text->empty() && name.starts_with(*text)) co_return true;
    }
    co_return false;
  }
};

}  // namespace

engine::ComponentType localhost_type() {
  auto fact = [](const char* name, Type type, const char* doc) {
    auto out = attribute(name, type, doc);
    out.published = true;
    return out;
  };
  auto type =
      work_type("Localhost", "Finds out the name and address of the controller's machine.",
                {attribute("target", Type::any, "LAZY link to who is given them; default: itself"),
                 fact("hostname", Type::string, "its short name"),
                 fact("fullHostname", Type::string, "its name as the machine has it"),
                 fact("address", Type::string, "the address of that name"),
                 fact("deployedHostname", Type::string, "the same as fullHostname"),
                 fact("deployedHostAddress", Type::string, "the same as address"),
                 fact("isLoopback", Type::boolean, "the address reaches nobody else"),
                 fact("isHostnameUnknown", Type::boolean, "true where the machine has no name")},
                [] { return std::make_unique<Localhost>(); });
  type.aliases = {"org.smartfrog.services.hostnames.LocalhostPrimImpl"};
  return type;
}

engine::ComponentType hostname_is_type() {
  auto type = condition_type_of("HostnameIs",
                                "Holds when the controller's machine has a name that begins so.",
                                {required("hostnames", Type::vector, "names, or how they begin")},
                                [] { return std::make_unique<HostnameIs>(); });
  type.aliases = {"org.smartfrog.services.hostnames.HostnameIsImpl"};
  return type;
}

}  // namespace croft::components
