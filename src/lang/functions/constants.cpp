#include "lang/functions/constants.h"

#include <fmt/format.h>

#include <cfloat>

namespace croft::lang {
namespace {

struct Whole {
  std::string_view name;
  bool wide;
  int64_t value;
};
constexpr Whole wholes[] = {
    {"java.lang.Byte.MAX_VALUE", false, 127},
    {"java.lang.Byte.MIN_VALUE", false, -128},
    {"java.lang.Short.MAX_VALUE", false, 32767},
    {"java.lang.Short.MIN_VALUE", false, -32768},
    {"java.lang.Integer.MAX_VALUE", false, INT32_MAX},
    {"java.lang.Integer.MIN_VALUE", false, INT32_MIN},
    {"java.lang.Integer.SIZE", false, 32},
    {"java.lang.Long.SIZE", false, 64},
    {"java.lang.Long.MAX_VALUE", true, INT64_MAX},
    {"java.lang.Long.MIN_VALUE", true, INT64_MIN},
    {"java.lang.Thread.MAX_PRIORITY", false, 10},
    {"java.lang.Thread.MIN_PRIORITY", false, 1},
    {"java.lang.Thread.NORM_PRIORITY", false, 5},
};

struct Text {
  std::string_view name;
  std::string_view value;
};
constexpr Text texts[] = {
    {"java.io.File.separator", "/"},
    {"java.io.File.pathSeparator", ":"},
    {"org.smartfrog.services.amazon.ec2.EC2InstanceImpl.ERROR_NO_IMAGE", "No image to deploy"},
    {"org.smartfrog.services.amazon.ec2.EC2InstanceImpl.ERROR_UNRECOGNISED_IMAGE_TYPE",
     "Unrecognised image type: "},
    {"org.smartfrog.services.restlet.client.RemoteRestletResourceImpl.UNKNOWN_VERB",
     "Unknown verb: "},
};

struct Real {
  std::string_view name;
  bool single;
  double value;
};
constexpr Real reals[] = {
    {"java.lang.Double.MAX_VALUE", false, DBL_MAX},
    {"java.lang.Double.MIN_VALUE", false, DBL_TRUE_MIN},
    {"java.lang.Float.MAX_VALUE", true, static_cast<double>(FLT_MAX)},
    {"java.lang.Float.MIN_VALUE", true, static_cast<double>(FLT_TRUE_MIN)},
    {"java.lang.Math.PI", false, 3.141592653589793},
    {"java.lang.Math.E", false, 2.718281828459045},
};

constexpr std::string_view booleans[] = {"java.lang.Boolean.TRUE", "java.lang.Boolean.FALSE"};

std::string_view class_of(std::string_view name) {
  return name.substr(0, name.rfind('.'));
}

std::vector<std::string> all_names() {
  std::vector<std::string> out;
  for (const auto& entry : wholes) out.emplace_back(entry.name);
  for (const auto& entry : texts) out.emplace_back(entry.name);
  for (const auto& entry : reals) out.emplace_back(entry.name);
  for (std::string_view name : booleans) out.emplace_back(name);
  return out;
}

}  // namespace

namespace {

/// A text constant of the reference's own classes: such constants are parts of its messages, which
/// croft words differently. The name of the field stands for them.
std::optional<std::string_view> message_constant(std::string_view name) {
  if (!name.starts_with("org.smartfrog.services.")) return std::nullopt;
  std::string_view field = name.substr(name.rfind('.') + 1);
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  if (field.empty() || field.find_first_not_of(letters) != std::string_view::npos)
    return std::nullopt;
  return field;
}

}  // namespace

Result<Val> constant_value(Run& run, std::string_view name) {
  Val out;
  for (const auto& entry : wholes) {
    if (entry.name != name) continue;
    out.kind = entry.wide ? Kind::long_integer : Kind::integer;
    out.number = entry.value;
    return out;
  }
  for (const auto& entry : reals) {
    if (entry.name != name) continue;
    out.kind = entry.single ? Kind::single : Kind::real;
    out.real = entry.value;
    return out;
  }
  for (const auto& entry : texts)
    if (entry.name == name) return run.text(entry.value);
  if (name == booleans[0] || name == booleans[1]) return run.boolean(name == booleans[0]);
  if (auto message = message_constant(name)) return run.text(*message);
  if (name.find('.') == std::string_view::npos)
    return fail(Code::invalid_argument,
                fmt::format("'{}' is not of the form package.Class.FIELD", name));
  std::vector<std::string> known = all_names();
  bool class_known = false;
  for (const auto& each : known) class_known = class_known || class_of(each) == class_of(name);
  Error error(Code::not_found,
              class_known
                  ? fmt::format("the class '{}' has no constant '{}'", class_of(name),
                                name.substr(name.rfind('.') + 1))
                  : fmt::format("croft knows no constants of a class '{}'", class_of(name)));
  if (std::string hint = did_you_mean(name, known); !hint.empty()) error.hint(std::move(hint));
  return fail(std::move(error));
}

}  // namespace croft::lang
