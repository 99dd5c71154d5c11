#include "components/aws/ec2_work.h"

#include <fmt/format.h>

#include "components/passwords/passwords.h"

namespace croft::components {

using engine::Context;
using model::Type;

aio::Task<Result<std::optional<engine::Keys>>> Ec2Work::account(Context& context) {
  co_return std::optional(CO_TRY(co_await keys_of(context, "id", "key")));
}

aio::Task<Result<cloud::Ec2>> Ec2Work::client(Context& context) {
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  co_return co_await context.ec2(keys.access_key, keys.secret_key);
}

Duration first_look(const Context& context) {
  bool near = context.farm().kind == cloud::FarmKind::embedded;
  return Duration::milliseconds(near ? 8 : 50);
}

std::vector<model::AttributeSchema> ec2_attributes(std::vector<model::AttributeSchema> more) {
  auto key = attribute("key", Type::any, "its secret access key, or a component that gives it");
  key.secret = true;
  std::vector<model::AttributeSchema> out = {
      attribute("id", Type::string, "access key id; without it the usual AWS variables count"), key,
      attribute("awsServer", Type::string, "kept for old descriptions: --farm chooses the farm"),
      attribute("awsServerSecure", Type::boolean, "kept for old descriptions"),
      with_default("sfShouldTerminate", Type::boolean, true, "end when its work is done")};
  for (auto& each : more) out.push_back(std::move(each));
  return out;
}

Result<std::vector<std::string>> strings_of(const Context& context, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& item : TRY(context.vector_or_empty(name))) {
    const auto* text = item.get<std::string>();
    if (!text)
      return fail(Code::type_mismatch,
                  fmt::format("{} holds a {}, strings are needed", name, item.kind_name()),
                  context.where(name));
    out.push_back(*text);
  }
  return out;
}

}  // namespace croft::components
