// FilePassword, InlinePassword, PropertyPassword and PasswordChecker.
#include "components/passwords/passwords.h"

#include <fmt/format.h>

#include "base/pattern.h"
#include "base/text.h"
#include "components/bounds.h"
#include "components/filesystem/work_folder.h"
#include "components/registry.h"
#include "components/shell/program.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr Bytes password_max = Bytes::kib(64);

/// The attribute of a provider, links followed.
Result<model::Value> value_at(const Context& context, const model::Component& provider,
                              std::string_view name) {
  const auto* attribute = provider.find(name);
  if (attribute) return context.value_in(provider, attribute->value);
  return fail(Code::unresolved, fmt::format("'{}' has no '{}'", provider.path(), name),
              Where(provider.where));
}
Result<std::string> text_at(const Context& context, const model::Component& provider,
                            std::string_view name) {
  model::Value value = TRY(value_at(context, provider, name));
  if (auto* text = value.get<std::string>()) return *text;
  return fail(Code::type_mismatch,
              fmt::format("{} is a {}, a string is needed", name, value.kind_name()),
              Where(provider.find(name)->where));
}

enum class Source { file, inlined, property, reference, none };

Source source_of(const model::Component& component) {
  std::string name = component.string("sfClass").value_or("");
  if (auto dot = name.rfind('.'); dot != std::string::npos) name.erase(0, dot + 1);
  if (name.starts_with("FilePassword")) return Source::file;
  if (name.starts_with("InlinePassword")) return Source::inlined;
  if (name.starts_with("PropertyPassword")) return Source::property;
  if (name == "Secret") return Source::reference;
  return Source::none;
}

aio::Task<Result<Secret>> from_file(Context& context, std::string name, Where where) {
  std::string path = CO_TRY(co_await confined(context, std::move(name), where));
  auto text = co_await context.world().disk.read_file(path, password_max);
  if (!text) co_return fail(std::move(text).error().at(where));
  // The first line: editors end a file with a line break that is no part of the password.
  co_return Secret(text->substr(0, text->find_first_of("\r\n")));
}

/// All of a file but the line break at its end: certificates and keys have many lines.
aio::Task<Result<Secret>> whole_file(Context& context, std::string name, Where where) {
  std::string path = CO_TRY(co_await confined(context, std::move(name), where));
  auto text = co_await context.world().disk.read_file(path, password_max);
  if (!text) co_return fail(std::move(text).error().at(where));
  if (text->ends_with('\n')) text->pop_back();
  co_return Secret(*std::move(text));
}

aio::Task<Result<Secret>> referred(Context& context, model::ComponentPtr reference, Where where) {
  std::string from = CO_TRY(text_at(context, *reference, "from"));
  std::string name = CO_TRY(text_at(context, *reference, "name"));
  if (equals_ignore_case(from, "ENV")) {
    if (auto value = context.variable(name)) co_return Secret(*value);
    co_return fail(
        Error(Code::not_found, fmt::format("the environment variable {} is not set", name), where)
            .hint("it is read from whoever calls `croft up`"));
  }
  if (equals_ignore_case(from, "FILE")) co_return co_await whole_file(context, name, where);
  if (equals_ignore_case(from, "COMMAND"))
    co_return co_await secret_of_command(context, name, where);
  if (equals_ignore_case(from, "STORE")) {
    auto stored = co_await context.stored_secret(name);
    if (!stored) co_return fail(std::move(stored).error().at(where));
    if (*stored) co_return **std::move(stored);
    co_return fail(
        Error(Code::not_found, fmt::format("no secret '{}' is stored", name), where)
            .hint(fmt::format("croft secret set {} keeps one in this controller's store", name)));
  }
  co_return fail(
      Error(Code::unsupported, fmt::format("a Secret from \"{}\" cannot be read", from), where)
          .hint("from is \"ENV\", \"FILE\", \"COMMAND\" or \"STORE\""));
}

aio::Task<Result<Secret>> password_of(Context& context, model::ComponentPtr provider, Where where) {
  switch (source_of(*provider)) {
    case Source::file:
      co_return co_await from_file(
          context,
          CO_TRY(path_text(context, "passwordFile",
                           CO_TRY(value_at(context, *provider, "passwordFile")))),
          where);
    case Source::inlined:
      co_return Secret(CO_TRY(text_at(context, *provider, "password")));
    case Source::property: {
      std::string name = CO_TRY(text_at(context, *provider, "property"));
      if (auto value = context.property(name)) co_return Secret(*value);
      co_return fail(Error(Code::not_found, fmt::format("the property {} is not set", name), where)
                         .hint(fmt::format("-D {}=... sets it", name)));
    }
    case Source::reference:
      co_return co_await referred(context, provider, where);
    case Source::none:
      break;
  }
  co_return fail(Code::type_mismatch, "no password comes from a component of this type", where);
}

class PasswordProvider : public engine::Component {
 public:
  /// What cannot give a password fails now, not when the password is wanted.
  aio::Task<Result<>> start(Context& context) override {
    const char* place = context.description()->find("name") ? "name" : "sfClass";
    CO_TRY(co_await password_of(context, context.description(), context.where(place)));
    co_return Result<>{};
  }
};

class PasswordChecker : public OneStep {
 public:
  PasswordChecker() : OneStep(false) {}
  aio::Task<Result<>> deploy(Context& context) override {
    if (CO_TRY(context.boolean_or("publish", false)))
      co_return fail(
          Error(Code::unsupported, "passwords are never published", context.where("publish"))
              .hint("link to the provider where the password is needed"));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    Secret password = CO_TRY(co_await secret_of(context, "passwordProvider"));
    auto wrong = [&](std::string text, std::string_view attribute) {
      return fail(Code::conflict, "the password " + text, context.where(attribute));
    };
    auto size = static_cast<int64_t>(password.reveal().size());
    int64_t least = CO_TRY(context.integer_or("minimumSize", 0));
    if (size < least) co_return wrong(fmt::format("is shorter than {}", least), "minimumSize");
    int64_t most = CO_TRY(context.integer_or("maximumSize", -1));
    if (most >= 0 && size > most)
      co_return wrong(fmt::format("is longer than {}", most), "maximumSize");
    if (CO_TRY(context.value_if("expected"))) {
      Secret expected = CO_TRY(co_await secret_of(context, "expected"));
      if (!constant_time_equal(expected.reveal(), password.reveal()))
        co_return wrong("is not the expected one", "expected");
    }
    std::string text = CO_TRY(context.string_or("pattern", ""));
    if (text.empty()) co_return Result<>{};
    auto pattern = Pattern::compile(text);
    if (!pattern) co_return fail(std::move(pattern).error().at(context.where("pattern")));
    if (!CO_TRY(pattern->matches(password.reveal())))
      co_return wrong(fmt::format("does not match '{}'", text), "pattern");
    co_return Result<>{};
  }
};

engine::ComponentType provider_type(std::string name, std::string doc,
                                    model::AttributeSchema attribute, std::string java_class) {
  auto type = type_of(std::move(name), std::move(doc), {std::move(attribute)},
                      [] { return std::make_unique<PasswordProvider>(); });
  type.aliases = {"org.smartfrog.services.passwords." + java_class};
  return type;
}

}  // namespace

aio::Task<Result<Secret>> secret_of(Context& context, std::string attribute) {
  auto value = CO_TRY(context.value(attribute));
  auto component = value.as_component();
  if (component && source_of(*component) != Source::none)
    co_return co_await password_of(context, component, context.where(attribute));
  co_return context.secret(attribute);
}

aio::Task<Result<Secret>> secret_in(Context& context, model::ComponentPtr part,
                                    std::string attribute) {
  const auto* found = part->find(attribute);
  Where where = found && found->where.known() ? Where(found->where) : Where(part->where);
  if (!found) co_return fail(Code::unresolved, fmt::format("'{}' is not there", attribute), where);
  auto value = CO_TRY(context.value_in(*part, found->value));
  if (auto* text = value.get<std::string>()) co_return Secret(*text);
  auto component = value.as_component();
  if (component && source_of(*component) != Source::none)
    co_return co_await password_of(context, component, where);
  co_return fail(
      Code::type_mismatch,
      fmt::format("{} is a {}, a string or a Secret is needed", attribute, value.kind_name()),
      where);
}

bool gives_secret(const model::Component& component) {
  return source_of(component) != Source::none;
}

aio::Task<Result<engine::Keys>> keys_of(Context& context, std::string user, std::string secret) {
  engine::Keys keys;
  keys.access_key = CO_TRY(context.string_or(user, ""));
  if (CO_TRY(context.value_if(secret)))
    keys.secret_key = CO_TRY(co_await secret_of(context, secret));
  co_return keys;
}

engine::ComponentType secret_type() {
  auto from = required("from", Type::string, "where it is found");
  from.choices = {"ENV", "FILE", "COMMAND", "STORE"};
  return type_of("Secret",
                 "Where a secret is found; it is looked up where it is used, and never shown.",
                 {from, required("name", Type::string,
                                 "of the variable, file or stored secret; or a command for sh")},
                 [] { return std::make_unique<PasswordProvider>(); });
}
engine::ComponentType file_password_type() {
  return provider_type("FilePassword", "A password that stands on the first line of a file.",
                       required("passwordFile", Type::any, "the file, or what has its path"),
                       "FilePasswordProvider");
}
engine::ComponentType inline_password_type() {
  auto password = required("password", Type::string, "the password, or a LAZY link to it");
  password.secret = true;
  return provider_type("InlinePassword", "A password that stands in the description.", password,
                       "InlinePasswordProviderImpl");
}
engine::ComponentType property_password_type() {
  auto type = provider_type("PropertyPassword", "A password that a property holds (-D name=value).",
                            required("property", Type::string, "the property's name"),
                            "PropertyPasswordProvider");
  type.schema.attributes.push_back(attribute("ERROR_UNDEFINED_PROPERTY", Type::string,
                                             "for tests: a part of what is said without it"));
  return type;
}
engine::ComponentType password_checker_type() {
  auto provider = required("passwordProvider", Type::any, "the password, or what gives it");
  provider.secret = true;
  auto expected = attribute("expected", Type::any, "what it must be, or what gives that");
  expected.secret = true;
  auto type = type_of(
      "PasswordChecker", "Fails at start when a password is not as it should be.",
      {provider,
       at_least(0, with_default("minimumSize", Type::integer, int32_t{0}, "bytes at least")),
       with_default("maximumSize", Type::integer, int32_t{-1}, "bytes at most; negative: any"),
       expected, with_default("publish", Type::boolean, false, "refused: passwords stay hidden"),
       with_default("pattern", Type::string, "", "regular expression that it matches")},
      [] { return std::make_unique<PasswordChecker>(); });
  type.works = true;
  type.aliases = {"org.smartfrog.services.passwords.PasswordChecker"};
  return type;
}

}  // namespace croft::components
