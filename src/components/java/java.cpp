// Java: a Java program, launched by the java of the controller's machine.
#include <fmt/format.h>

#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/shell/program.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class Java : public ProgramRunner {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(co_await ProgramRunner::deploy(context));
    auto there = co_await must_exist(context, CO_TRY(context.string_or("jvm", "java")),
                                     context.where("jvm"));
    if (!there)
      co_return fail(std::move(there).error().hint(
          "install a Java runtime, or name its program: jvm \"/opt/java/bin/java\";"));
    co_return Result<>{};
  }

 protected:
  aio::Task<Result<Program>> program(Context& context) const override {
    std::string name = CO_TRY(context.string_or("classname", ""));
    bool jar = CO_TRY(context.value_if("jar")).has_value();
    if (name.empty() == !jar)
      co_return fail(Code::invalid_argument,
                     jar ? "classname and jar are both there: one of them says what runs"
                         : "neither classname nor jar says what runs",
                     context.where(jar ? "classname" : "jar"));
    Program out;
    out.environment = CO_TRY(strings_of_list(context, "environment"));
    for (auto& each : CO_TRY(strings_of_list(context, "envProperties")))
      out.environment.push_back(std::move(each));
    out.command.push_back(CO_TRY(context.string_or("jvm", "java")));
    CO_TRY(co_await add_options(context, out.command));
    if (jar) {
      out.command.emplace_back("-jar");
      out.command.push_back(CO_TRY(co_await file_path(context, "jar")));
    } else {
      out.command.push_back(name);
    }
    for (auto& each : CO_TRY(strings_of_list(context, "arguments")))
      out.command.push_back(std::move(each));
    co_return out;
  }

 private:
  static aio::Task<Result<>> add_options(Context& context, std::vector<std::string>& command) {
    if (auto memory = CO_TRY(context.value_if("maxMemory"))) {
      // A bare number is megabytes, as in the reference; a text is what java takes: "512m".
      auto number = memory->as_integer();
      const auto* text = memory->get<std::string>();
      if (number && *number > 0) command.push_back(fmt::format("-Xmx{}m", *number));
      if (text && !text->empty()) command.push_back("-Xmx" + *text);
    }
    if (CO_TRY(context.boolean_or("assertions", false))) command.emplace_back("-ea");
    if (CO_TRY(context.boolean_or("systemAssertions", false))) command.emplace_back("-esa");
    for (auto& each : CO_TRY(strings_of_list(context, "jvmargs")))
      command.push_back(std::move(each));
    CO_TRY(add_properties(context, command));
    std::vector<std::string> folders;
    for (const auto& each : CO_TRY(strings_of_list(context, "classpath")))
      folders.push_back(CO_TRY(co_await confined(context, each, context.where("classpath"))));
    if (folders.empty()) co_return Result<>{};
    command.emplace_back("-cp");
    command.push_back(join(folders, ":"));
    co_return Result<>{};
  }
  static Result<> add_properties(Context& context, std::vector<std::string>& command) {
    for (const auto& item : TRY(context.vector_or_empty("sysProperties"))) {
      const auto* pair = item.get<model::Vector>();
      const auto* name = pair && pair->size() == 2 ? (*pair)[0].get<std::string>() : nullptr;
      if (const auto* text = item.get<std::string>()) {
        command.push_back("-D" + *text);
        continue;
      }
      const auto* value = name ? (*pair)[1].get<std::string>() : nullptr;
      if (!value)
        return fail(Error(Code::type_mismatch, "sysProperties are pairs of strings",
                          context.where("sysProperties"))
                        .hint("sysProperties [[\"a\", \"1\"], [\"b\", \"2\"]];"));
      command.push_back(fmt::format("-D{}={}", *name, *value));
    }
    return {};
  }
};

}  // namespace

engine::ComponentType java_type() {
  auto list = [](const char* name, const char* doc) {
    return with_default(name, Type::vector, model::Vector{}, doc);
  };
  auto flag = [](const char* name, const char* doc) {
    return with_default(name, Type::boolean, false, doc);
  };
  auto attributes = program_attributes(false);
  for (auto& each :
       {attribute("classname", Type::string, "the class whose main() runs"),
        attribute("jar", Type::any, "the archive that runs; classname or this"),
        with_default("jvm", Type::string, "java", "the program that runs it"),
        list("classpath", "archives and folders with its classes"),
        list("jvmargs", "options of the virtual machine"),
        list("arguments", "arguments of the program"),
        list("sysProperties", "[name, value] pairs: its system properties"),
        list("environment", "its environment: NAME=value"),
        list("endorsedDirs", "kept for old descriptions: no java of today has it"),
        attribute("maxMemory", Type::any, "of its heap: megabytes, or a text such as \"2g\""),
        flag("assertions", "switch assertions on"),
        flag("systemAssertions", "switch those of Java's own classes on")})
    attributes.push_back(each);
  auto type = type_of("Java", "Runs a Java program, watched while it runs.", std::move(attributes),
                      [] { return std::make_unique<Java>(); });
  type.works = true;
  type.aliases = {"org.smartfrog.services.os.java.RunJavaImpl"};
  return type;
}

}  // namespace croft::components
