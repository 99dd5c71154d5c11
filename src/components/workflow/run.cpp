// Run, Deployer and DetachingCompound: what is deployed lives on without its maker.
#include <fmt/format.h>

#include "base/text.h"
#include "components/workflow/described.h"
#include "components/workflow/workflow.h"
#include "model/limits.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// What becomes a part of a path.
void check_name(const model::Component& component, const char* attribute,
                std::vector<Error>& errors) {
  const auto* found = component.find(attribute);
  const auto* name = found ? found->value.get<std::string>() : nullptr;
  if (!name || name->empty()) return;
  if (auto problem = model::name_problem(*name))
    errors.push_back(Error(Code::invalid_argument,
                           fmt::format("{} cannot be a component's name: {}", attribute, *problem),
                           found->where));
}

class Run : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string name = CO_TRY(context.string_or("asName", ""));
    if (name.empty()) name = CO_TRY(context.string_or("newComponentName", ""));
    if (name.empty()) name = "1_runActionRunning";
    Result<> up = co_await bring_up(context, name);
    if (!up) {
      if (up.error().code == Code::cancelled) co_return up;
      context.end(TerminationRecord::abnormal(context.path(), "it could not be brought up",
                                              up.error().line()));
      co_return Result<>{};
    }
    co_return context.done(TerminationRecord::normal(context.path(), name + " runs"));
  }

 protected:
  /// The attribute that holds what is run.
  virtual aio::Task<Result<std::string>> pattern(Context&) { co_return std::string("action"); }

 private:
  aio::Task<Result<>> bring_up(Context& context, std::string name) {
    std::string from = CO_TRY(co_await pattern(context));
    auto parent = CO_TRY(parent_of(context));
    if (parent) {
      auto what = context.description()->component(from);
      if (!what)
        co_return fail(Code::unresolved, context.path() + " has nothing to run",
                       context.where(from));
      co_return co_await context.deploy_into(*parent, name, what);
    }
    Result<> up = co_await context.deploy_action(name, from);
    if (up) up = co_await context.start_action(name);
    if (up) {
      context.detach(context.path() + ":" + name);
      co_return up;
    }
    if (up.error().code == Code::cancelled) co_return up;
    CO_TRY(co_await context.end_action(
        name, TerminationRecord::abnormal(context.path(), "it could not be brought up",
                                          up.error().line())));
    co_return up;
  }
  /// Whose child it becomes; nullopt: it lives by itself.
  static Result<std::optional<std::string>> parent_of(Context& context) {
    for (const char* name : {"parent", "newComponentParent"}) {
      if (!TRY(context.value_if(name))) continue;
      auto path = context.path_of(TRY(context.component_or_null(name)));
      if (!path) return fail(std::move(path).error().at(context.where(name)));
      return *path == context.path() ? std::optional<std::string>{} : std::optional(*path);
    }
    return std::optional<std::string>{};
  }
};

/// What it has read is published: another process deploys the same, whatever became of the file.
class Deployer : public Run {
 protected:
  aio::Task<Result<std::string>> pattern(Context& context) override {
    if (context.record().published.contains(read_name)) co_return std::string(read_name);
    std::string file = CO_TRY(context.string("newComponentDescription"));
    auto settings = CO_TRY(settings_of(context));
    auto read = CO_TRY(co_await described_in(
        context, file, context.where("newComponentDescription"), std::move(settings)));
    read->eager = false;
    context.publish(read_name, model::Value(read));
    co_return std::string(read_name);
  }

 private:
  static constexpr const char* read_name = "newComponent";

  /// newComponentExtraAtributes (so the reference spells it) holds ["sfConfig:a:b", value] pairs.
  static Result<std::vector<lang::Setting>> settings_of(Context& context) {
    std::vector<lang::Setting> out;
    for (const char* name : {"newComponentExtraAtributes", "newComponentExtraAttributes"}) {
      auto extra = TRY(context.value_if(name));
      if (!extra) continue;
      std::vector<model::Value> pairs;
      if (auto component = extra->as_component())
        for (const auto& attribute : component->attributes()) pairs.push_back(attribute.value);
      else if (const auto* list = extra->get<model::Vector>())
        pairs = *list;
      for (const auto& item : pairs) {
        const auto* pair = item.get<model::Vector>();
        const auto* path = pair && pair->size() == 2 ? (*pair)[0].get<std::string>() : nullptr;
        if (!path)
          return fail(Error(Code::type_mismatch, "pairs of a path and a value are needed",
                            context.where(name))
                          .hint(fmt::format("{} [[\"sfConfig:port\", 8080]];", name)));
        lang::Setting setting;
        setting.path = split(std::string_view(*path), ':');
        setting.text = lang::print_value((*pair)[1]);
        out.push_back(std::move(setting));
      }
    }
    return out;
  }
};

class DetachingCompound : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(context.boolean_or("detachUpwards", true))) context.detach(context.path());
    if (!CO_TRY(context.boolean_or("detachDownwards", true))) co_return Result<>{};
    for (const std::string& name : context.children()) context.detach(context.path() + ":" + name);
    if (CO_TRY(context.boolean_or("autoDestruct", true)))
      context.end_quietly(
          TerminationRecord::normal(context.path(), "its children are on their own"));
    co_return Result<>{};
  }
};

std::vector<model::AttributeSchema> run_attributes(std::vector<model::AttributeSchema> more) {
  more.insert(more.end(),
              {attribute("asName", Type::string, "its name"),
               attribute("newComponentName", Type::string, "its name"),
               attribute("parent", Type::any,
                         "LAZY link to the running Compound whose child it becomes; without it "
                         "it lives by itself"),
               attribute("newComponentParent", Type::any, "the same as parent"),
               attribute("newComponentDeployer", Type::any, "kept for old descriptions"),
               with_default("sfShouldTerminate", Type::boolean, true, "end once it runs")});
  return more;
}

void check_names(const model::Component& component, std::vector<Error>& errors) {
  for (const char* name : {"asName", "newComponentName"}) check_name(component, name, errors);
}

}  // namespace

engine::ComponentType run_type() {
  auto type = action_type(
      "Run",
      "Deploys `action` so that it lives on by itself, as long as the application does, or as a "
      "child of `parent`, and ends.",
      run_attributes({required("action", Type::component, "what is run")}),
      [] { return std::make_unique<Run>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.components.Run"};
  type.schema.rule = check_names;
  return type;
}

engine::ComponentType deployer_type() {
  auto read = attribute("newComponent", Type::component, "what it has read");
  read.published = true;
  auto type = action_type(
      "Deployer", "Reads a description while the application runs, and runs it as Run does.",
      run_attributes({required("newComponentDescription", Type::string,
                               "the file, in the work folder, or a description that croft ships"),
                      attribute("newComponentCodebase", Type::any, "kept for old descriptions"),
                      attribute("newComponentExtraAtributes", Type::any,
                                "[\"sfConfig:a:b\", value] pairs, put into what is read"),
                      attribute("newComponentExtraAttributes", Type::any, "the same"), read}),
      [] { return std::make_unique<Deployer>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Deployer"};
  type.schema.rule = check_names;
  return type;
}

engine::ComponentType detaching_compound_type() {
  engine::ComponentType type;
  type.compound = type.works = true;
  type.schema.sf_class = "croft.DetachingCompound";
  type.schema.type = "DetachingCompound";
  type.schema.base = "croft.Compound";
  type.schema.container = true;
  type.schema.doc =
      "Detaches itself from its parent, and its children from itself, when it starts.";
  type.schema.attributes = {
      with_default("detachDownwards", Type::boolean, true, "detach the children"),
      with_default("detachUpwards", Type::boolean, true, "detach itself from its parent"),
      with_default("autoDestruct", Type::boolean, true, "end once the children are detached")};
  type.make = [] { return std::make_unique<DetachingCompound>(); };
  return type;
}

}  // namespace croft::components
