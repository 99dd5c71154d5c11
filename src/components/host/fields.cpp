#include "components/host/fields.h"

#include <fmt/format.h>

namespace croft::components {

namespace {
constexpr std::string_view engine_words = "sf";  // sfClass and the like are no entries of a map
}

Where Fields::where(std::string_view name) const {
  const auto* attribute = part_ ? part_->find(name) : nullptr;
  Where out = attribute && attribute->where.known() ? Where(attribute->where)
              : part_                               ? Where(part_->where)
                                                    : Where();
  out.path = fmt::format("{}:{}", context_.path(), name);
  return out;
}

Error Fields::wrong(std::string_view name, std::string_view wanted,
                    const model::Value& value) const {
  return Error(Code::type_mismatch,
               fmt::format("{} is a {}, {} is needed", name, value.kind_name(), wanted),
               where(name));
}

Result<std::optional<model::Value>> Fields::find(std::string_view name) const {
  const auto* attribute = part_ ? part_->find(name) : nullptr;
  if (!attribute) return std::optional<model::Value>{};
  auto value = context_.value_in(*part_, attribute->value);
  if (!value)
    return fail(
        std::move(value).error().frame(fmt::format("reading {}:{}", context_.path(), name)));
  if (value->is(model::Value::Kind::null)) return std::optional<model::Value>{};
  return std::optional(*std::move(value));
}

Result<std::string> Fields::string(std::string_view name, std::string_view fallback) const {
  auto found = TRY(find(name));
  if (!found) return std::string(fallback);
  if (auto* text = found->get<std::string>()) return *text;
  return fail(wrong(name, "a string", *found));
}

Result<std::string> Fields::needed(std::string_view name) const {
  std::string text = TRY(string(name));
  if (!text.empty()) return text;
  return fail(Code::invalid_argument, fmt::format("{} needs '{}'", context_.path(), name),
              where(name));
}

Result<int64_t> Fields::integer(std::string_view name, int64_t fallback, int64_t least,
                                int64_t most) const {
  auto found = TRY(find(name));
  if (!found) return fallback;
  auto number = found->as_integer();
  if (!number) return fail(wrong(name, "an integer", *found));
  if (*number >= least && *number <= most) return *number;
  return fail(Code::invalid_argument,
              fmt::format("{} is {}; it is from {} to {}", name, *number, least, most),
              where(name));
}

Result<bool> Fields::boolean(std::string_view name, bool fallback) const {
  auto found = TRY(find(name));
  if (!found) return fallback;
  if (auto* flag = found->get<bool>()) return *flag;
  return fail(wrong(name, "true or false", *found));
}

Result<Duration> Fields::duration(std::string_view name, Duration fallback) const {
  auto found = TRY(find(name));
  if (!found) return fallback;
  auto out = model::duration_of(*found, "s");
  if (!out) return fail(std::move(out).error().at(where(name)));
  return out;
}

Result<Bytes> Fields::bytes(std::string_view name, Bytes fallback) const {
  auto found = TRY(find(name));
  if (!found) return fallback;
  if (auto number = found->as_integer(); number && *number >= 0) return Bytes(*number);
  auto* text = found->get<std::string>();
  if (!text) return fail(wrong(name, "a size such as \"64MiB\"", *found));
  auto out = Bytes::parse(*text);
  if (!out) return fail(std::move(out).error().at(where(name)));
  return out;
}

Result<std::string> Fields::text_of(std::string_view name, const model::Value& value) const {
  if (auto* text = value.get<std::string>()) return *text;
  if (auto* flag = value.get<bool>()) return std::string(*flag ? "true" : "false");
  if (auto number = value.as_integer()) return fmt::format("{}", *number);
  if (auto number = value.as_number()) return fmt::format("{}", *number);
  return fail(wrong(name, "a text", value));
}

Result<std::string> Fields::joined(std::string_view name, const model::Value& value) const {
  const auto* list = value.get<model::Vector>();
  if (!list) return text_of(name, value);
  std::vector<std::string> texts;
  for (const auto& item : *list) texts.push_back(TRY(text_of(name, item)));
  return join(texts, ",");
}

Result<std::vector<std::string>> Fields::strings(std::string_view name) const {
  std::vector<std::string> out;
  auto found = TRY(find(name));
  if (!found) return out;
  const auto* list = found->get<model::Vector>();
  if (!list) return std::vector{TRY(text_of(name, *found))};
  out.reserve(list->size());
  for (const auto& item : *list) out.push_back(TRY(text_of(name, item)));
  return out;
}

Result<std::vector<std::string>> Fields::command(std::string_view name) const {
  auto found = TRY(find(name));
  const auto* text = found ? found->get<std::string>() : nullptr;
  if (text && !trim(*text).empty()) return std::vector<std::string>{"/bin/sh", "-c", *text};
  auto out = text ? std::vector<std::string>{} : TRY(strings(name));
  if (!out.empty() && !out.front().empty()) return out;
  return fail(Error(Code::invalid_argument, fmt::format("{} names no program", name), where(name))
                  .hint(fmt::format("write {} [\"/usr/bin/env\", \"python3\"], or one string for "
                                    "the shell",
                                    name)));
}

Result<std::string> Fields::lines(std::string_view name) const {
  auto found = TRY(find(name));
  if (!found) return std::string();
  if (auto* text = found->get<std::string>())
    return text->empty() || text->ends_with('\n') ? *text : *text + "\n";
  std::string out;
  for (const std::string& line : TRY(strings(name))) out += line + "\n";
  return out;
}

Result<std::map<std::string, std::string>> Fields::texts(std::string_view name) const {
  std::map<std::string, std::string> out;
  auto inner = TRY(part(name));
  if (!inner) return out;
  Fields fields(context_, inner);
  for (const auto& attribute : inner->attributes()) {
    if (attribute.name.starts_with(engine_words)) continue;
    if (attribute.name.find('=') != std::string::npos)
      return fail(
          Code::invalid_argument,
          fmt::format("'{}' is no name of a variable: it holds a '='", printable(attribute.name)),
          fields.where(attribute.name));
    if (auto value = TRY(fields.find(attribute.name)))
      out[attribute.name] = TRY(fields.joined(attribute.name, *value));
  }
  return out;
}

Result<> Fields::only(const std::vector<std::string>& names) const {
  for (const auto& attribute : part_->attributes()) {
    if (attribute.name.starts_with(engine_words)) continue;
    if (std::ranges::find(names, attribute.name) != names.end()) continue;
    Error error(Code::invalid_argument,
                fmt::format("there is no '{}' here: {} are known", printable(attribute.name),
                            join(names, ", ")),
                where(attribute.name));
    if (std::string hint = did_you_mean(attribute.name, names); !hint.empty()) error.hint(hint);
    return fail(std::move(error));
  }
  return {};
}

Result<model::ComponentPtr> Fields::part(std::string_view name) const {
  auto found = TRY(find(name));
  if (!found) return model::ComponentPtr{};
  if (auto component = found->as_component()) return component;
  return fail(wrong(name, "a component", *found));
}

Result<int> Fields::mode(std::string_view name, int fallback) const {
  auto found = TRY(find(name));
  if (!found) return fallback;
  std::string digits = TRY(text_of(name, *found));
  int out = 0;
  for (char c : digits) {
    if (c < '0' || c > '7' || out > 0777) {
      out = -1;
      break;
    }
    out = out * 8 + (c - '0');
  }
  if (!digits.empty() && out >= 0 && out <= 07777) return out;
  return fail(Error(Code::invalid_argument,
                    fmt::format("{} is '{}', octal digits are needed", name, digits), where(name))
                  .hint("write \"0644\""));
}

}  // namespace croft::components
