// The templates of lib/ and the native types agree: every type has its template, whose attributes
// the type's schema knows, with the defaults that the schema names. All types stand in one
// description: the whole library is read once for each question, not once for each type.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "components/registry.h"
#include "lang/check/schema.h"
#include "lang/lang.h"

namespace croft::components {
namespace {

/// The native types by the name of the child that stands for each.
std::map<std::string, const model::ComponentSchema*> all_types() {
  std::map<std::string, const model::ComponentSchema*> out;
  std::set<std::string> seen;
  for (const auto& name : schemas().classes()) {
    const auto* schema = schemas().find(name);
    if (seen.insert(schema->type).second) out["the_" + schema->type] = schema;
  }
  return out;
}

Result<model::Description> resolved(
    const std::map<std::string, const model::ComponentSchema*>& types, lang::Phase until) {
  std::string text;
  for (std::string_view file : lang::library_files())
    text += "#include \"/" + std::string(file) + "\"\n";
  text += "sfConfig extends {\n";
  for (const auto& [child, schema] : types)
    text += fmt::format("  {} extends {};\n", child, schema->type);
  lang::Options options;
  options.until = until;
  options.limits.errors = 100'000;
  return lang::resolve("templates.sf", text + "}\n", options);
}

/// Adds the children of sfConfig that an error and those inside it blame.
void add_blamed(const Error& error, std::set<std::string>& out) {
  for (const auto& [name, at] : error.facts) {
    if (name != "at") continue;
    std::string path = at.substr(0, at.find(' '));
    if (!path.starts_with("sfConfig:")) continue;
    path.erase(0, path.find(':') + 1);
    out.insert(path.substr(0, path.find(':')));
  }
  for (const Error& other : error.others) add_blamed(other, out);
}

TEST(Library, EveryNativeTypeHasItsTemplate) {
  auto types = all_types();
  auto description = resolved(types, lang::Phase::function);
  ASSERT_TRUE(description) << description.error().render();
  auto all = description->root->component("sfConfig");
  ASSERT_TRUE(all);
  for (const auto& [child, schema] : types) {
    auto config = all->component(child);
    ASSERT_TRUE(config) << schema->type;
    auto sf_class = config->string("sfClass");
    ASSERT_TRUE(sf_class) << schema->type;
    EXPECT_NE(schemas().find(*sf_class), nullptr) << schema->type << " names " << *sf_class;
    for (const auto& attribute : config->attributes())
      EXPECT_NE(schemas().attribute(*schema, attribute.name), nullptr)
          << "the template " << schema->type << " has '" << attribute.name
          << "', its schema has not";
  }
}

TEST(Library, DefaultsAreTheSchemas) {
  auto types = all_types();
  size_t all = types.size();
  auto description = resolved(types, lang::Phase::link);
  if (!description) {
    // Those with a TBD, which a user fills in, do not link as they stand.
    std::set<std::string> blamed;
    add_blamed(description.error(), blamed);
    for (const std::string& child : blamed) types.erase(child);
    description = resolved(types, lang::Phase::link);
  }
  ASSERT_TRUE(description) << description.error().render();
  EXPECT_GT(types.size(), all / 2) << "most templates need nothing more";
  for (const auto& [child, schema] : types) {
    auto config = description->config->component(child);
    ASSERT_TRUE(config) << schema->type;
    for (const auto* wanted : schemas().attributes(*schema)) {
      const auto* attribute = config->find(wanted->name);
      if (!attribute || !wanted->fallback) continue;
      EXPECT_EQ(lang::print_value(attribute->value), lang::print_value(*wanted->fallback))
          << schema->type << ":" << wanted->name;
    }
  }
}

/// What a check has against one value of one attribute.
std::vector<std::string> against(const model::ComponentSchema& schema, const std::string& name,
                                 model::Value value) {
  auto component = std::make_shared<model::Component>();
  component->set("sfClass", schema.sf_class);
  component->set(name, std::move(value));
  std::vector<std::string> out;
  model::Findings findings;
  lang::check_component(*component, schema, schemas(), {}, findings);
  for (const Error& error : findings.errors)
    if (error.where.path.ends_with(name)) out.push_back(error.what);
  return out;
}

TEST(Library, NoDurationIsNegative) {
  size_t durations = 0;
  for (const auto& [child, schema] : all_types())
    for (const auto* attribute : schemas().attributes(*schema)) {
      if (attribute->type != model::Type::duration) continue;
      ++durations;
      std::vector<model::Value> negative = {model::Value("-5s")};
      if (!attribute->bare_unit.empty()) negative.emplace_back(int32_t{-5});
      for (const auto& value : negative) {
        auto said = against(*schema, attribute->name, value);
        if (attribute->forever) {
          EXPECT_TRUE(said.empty()) << schema->type << ":" << attribute->name;
          EXPECT_TRUE(attribute->doc.find("ever") != std::string::npos ||
                      attribute->doc.find("negative") != std::string::npos)
              << schema->type << ":" << attribute->name << " does not say what negative means";
        } else {
          ASSERT_FALSE(said.empty())
              << schema->type << ":" << attribute->name << " takes " << lang::print_value(value);
          EXPECT_NE(said.front().find("least"), std::string::npos) << said.front();
        }
      }
      EXPECT_FALSE(against(*schema, attribute->name, model::Value("5 bananas")).empty())
          << schema->type << ":" << attribute->name;
    }
  EXPECT_GT(durations, 30u);
}

TEST(Library, EveryNumberHasItsBoundsOrSaysWhatANegativeOneMeans) {
  for (const auto& [child, schema] : all_types())
    for (const auto* attribute : schemas().attributes(*schema)) {
      bool number =
          attribute->type == model::Type::integer || attribute->type == model::Type::number;
      if (!number || attribute->published || attribute->least) continue;
      bool told = false;
      for (const char* word : {"negative", "-1", "kept for old", "same seed"})
        told |= attribute->doc.find(word) != std::string::npos;
      EXPECT_TRUE(told) << schema->type << ":" << attribute->name << ", " << attribute->doc;
    }
}

}  // namespace
}  // namespace croft::components
