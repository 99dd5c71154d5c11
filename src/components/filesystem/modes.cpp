// Chmod: who may read, write and run a file.
#include <fmt/format.h>

#include "aio/real/confined.h"
#include "components/filesystem/work_folder.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr uint32_t all_bits = 07777;

/// "755", also as a number: its digits are octal.
Result<aio::ModeChange> octal(const Context& context) {
  auto value = TRY(context.value("octalCode"));
  std::string digits;
  if (auto* text = value.get<std::string>()) digits = *text;
  if (auto number = value.as_integer()) digits = fmt::format("{}", *number);
  bool good = !digits.empty() && digits.size() <= 4 &&
              digits.find_first_not_of("01234567") == std::string::npos;
  if (!good)
    return fail(Error(Code::invalid_argument,
                      fmt::format("'{}' is no mode: up to four octal digits are needed", digits),
                      context.where("octalCode"))
                    .hint("octalCode \"755\";"));
  uint32_t mode = 0;
  for (char digit : digits) mode = mode * 8 + static_cast<uint32_t>(digit - '0');
  return aio::ModeChange{mode, all_bits & ~mode};
}

/// "+rw", "-x", "+r-w" for one class of users, whose bits lie `shift` up.
Result<> add_letters(const Context& context, std::string_view attribute, uint32_t shift,
                     aio::ModeChange& change) {
  std::string text = TRY(context.string_or(attribute, ""));
  char sign = 0;
  for (char c : text) {
    if (c == '+' || c == '-') {
      sign = c;
      continue;
    }
    uint32_t bit = c == 'r' ? 4 : c == 'w' ? 2 : c == 'x' ? 1 : 0;
    if (bit == 0 || sign == 0)
      return fail(Error(Code::invalid_argument,
                        fmt::format("'{}' are no permissions: + or -, then r, w, x", text),
                        context.where(attribute))
                      .hint(fmt::format("{} \"+r-w\";", attribute)));
    (sign == '+' ? change.add : change.remove) |= bit << shift;
    (sign == '+' ? change.remove : change.add) &= ~(bit << shift);
  }
  return {};
}

Result<aio::ModeChange> change_of(const Context& context) {
  if (TRY(context.value_if("octalCode"))) return octal(context);
  aio::ModeChange change;
  TRY(add_letters(context, "userPermissions", 6, change));
  TRY(add_letters(context, "groupPermissions", 3, change));
  TRY(add_letters(context, "othersPermissions", 0, change));
  TRY(add_letters(context, "otherPermissions", 0, change));
  if (change.add == 0 && change.remove == 0)
    return fail(
        Error(Code::invalid_argument, "nothing is said about the mode", context.where("octalCode"))
            .hint("octalCode \"644\"; or userPermissions \"+rw\";"));
  return change;
}

class Chmod : public OneStep {
 public:
  Chmod() : OneStep(true) {}
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(change_of(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    bool old_name = CO_TRY(context.value_if("filename")).has_value();
    std::string attribute = old_name ? "filename" : "file";
    std::string path = CO_TRY(co_await file_path(context, attribute));
    auto change = CO_TRY(change_of(context));
    bool recursively = CO_TRY(context.boolean_or("recursively", false));
    auto changed = co_await aio::change_mode(context.world(), path, change, recursively);
    if (!changed) co_return fail(std::move(changed).error().at(context.where(attribute)));
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType chmod_type() {
  auto type = file_type_of(
      "Chmod", "Sets who may read, write and run a file or folder; links are left alone.",
      {attribute("file", Type::any, "its name"), attribute("filename", Type::any, "its name"),
       attribute("octalCode", Type::any, "the whole mode: \"755\"; before the next three"),
       attribute("userPermissions", Type::string, "of its owner: \"+rwx\", \"-w\""),
       attribute("groupPermissions", Type::string, "of its group"),
       attribute("othersPermissions", Type::string, "of everybody else"),
       attribute("otherPermissions", Type::string, "the same"),
       with_default("recursively", Type::boolean, false, "all that is in it, too"),
       with_default("sfShouldTerminate", Type::boolean, true, "end once it is done")},
      [] { return std::make_unique<Chmod>(); });
  type.aliases = {"org.smartfrog.services.filesystem.ChmodImpl"};
  return type;
}

}  // namespace croft::components
