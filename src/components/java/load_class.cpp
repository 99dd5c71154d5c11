// LoadClass and LoadClassCondition: classes and resources that must be there, looked for where
// `classpath` says. Nothing is loaded: croft has no virtual machine.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/conditions/condition.h"
#include "components/filesystem/work_folder.h"
#include "components/java/jar.h"
#include "components/registry.h"
#include "components/shell/program.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class LoadClass : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    if (CO_TRY(context.boolean_or("isCondition", false))) co_return Result<>{};
    auto missing = CO_TRY(co_await missing_of(context));
    if (missing.empty()) co_return Result<>{};
    std::string message = CO_TRY(context.string_or("message", ""));
    co_return fail(Code::not_found,
                   fmt::format("{}{}not found in the class path: {}", message,
                               message.empty() ? "" : ": ", join(missing, ", ")),
                   context.where("classes"));
  }
  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(context.boolean_or("isCondition", false))) co_return Result<>{};
    co_return context.done(TerminationRecord::normal(context.path(), "all are there"), false);
  }
  aio::Task<Result<bool>> evaluate(Context& context) override {
    co_return CO_TRY(co_await missing_of(context)).empty();
  }

 private:
  static aio::Task<Result<std::vector<std::string>>> missing_of(Context& context) {
    std::vector<std::string> wanted = CO_TRY(strings_of_list(context, "resources"));
    for (std::string& resource : wanted)
      if (resource.starts_with('/')) resource.erase(0, 1);
    for (const std::string& name : CO_TRY(strings_of_list(context, "classes")))
      wanted.push_back(replace_all(name, ".", "/") + ".class");
    auto places = CO_TRY(strings_of_list(context, "classpath"));
    if (places.empty() && !wanted.empty())
      co_return fail(
          Error(Code::unsupported, "there is no class path to look in", context.where("classes"))
              .hint("classpath names jars and folders of the work folder"));
    for (const std::string& place : places) {
      auto names = CO_TRY(co_await found_in(context, place, wanted));
      std::erase_if(
          wanted, [&](const auto& name) { return std::ranges::find(names, name) != names.end(); });
    }
    co_return wanted;
  }
  /// What a jar has, or of `wanted` what a folder has.
  static aio::Task<Result<std::vector<std::string>>> found_in(Context& context, std::string place,
                                                              std::vector<std::string> wanted) {
    std::string path = CO_TRY(co_await confined(context, place, context.where("classpath")));
    auto info = co_await context.world().disk.info(path);
    if (!info) co_return fail(std::move(info).error().at(context.where("classpath")));
    if (!info->is_directory) {
      auto bytes = CO_TRY(co_await context.world().disk.read_file(path, file_max));
      auto names = names_in_jar(bytes);
      if (!names)
        co_return fail(std::move(names).error().at(context.where("classpath")).frame(path));
      co_return names;
    }
    std::vector<std::string> out;
    for (const std::string& name : wanted) {
      std::string file =
          CO_TRY(co_await confined(context, path + "/" + name, context.where("classpath")));
      auto there = co_await context.world().disk.info(file);
      if (there && !there->is_directory) out.push_back(name);
    }
    co_return out;
  }
};

}  // namespace

engine::ComponentType load_class_type() {
  auto list = [](const char* name, const char* doc) {
    return with_default(name, Type::vector, model::Vector{}, doc);
  };
  auto type =
      type_of("LoadClass", "Fails at start when classes or resources are not in a class path.",
              {list("classes", "names of classes"), list("resources", "names of other files"),
               list("classpath", "jars and folders of the work folder"),
               with_default("message", Type::string, "", "said when something is missing"),
               with_default("isCondition", Type::boolean, false, "it is asked, and does not fail"),
               attribute("create", Type::boolean, "kept for old descriptions: nothing is loaded"),
               attribute("retain", Type::boolean, "kept for old descriptions: nothing is loaded")},
              [] { return std::make_unique<LoadClass>(); });
  type.works = true;
  type.aliases = {"org.smartfrog.services.os.java.LoadClassImpl"};
  return type;
}

}  // namespace croft::components
