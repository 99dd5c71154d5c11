// The templates of lib/ and the native types agree: every type has its template, whose attributes
// the type's schema knows, with the defaults that the schema names.
#include <gtest/gtest.h>

#include "components/registry.h"
#include "lang/lang.h"

namespace croft::components {
namespace {

/// A template, resolved with its TBDs left out.
Result<model::Description> resolved(const std::string& type) {
  std::string includes;
  for (std::string_view file : lang::library_files())
    includes += "#include \"/" + std::string(file) + "\"\n";
  lang::Options options;
  options.until = lang::Phase::function;
  return lang::resolve("template.sf", includes + "sfConfig extends " + type + ";\n", options);
}

/// The same through the link pass; nothing when it has a TBD.
model::ComponentPtr linked(const std::string& type) {
  std::string includes;
  for (std::string_view file : lang::library_files())
    includes += "#include \"/" + std::string(file) + "\"\n";
  auto description =
      lang::resolve("template.sf", includes + "sfConfig extends " + type + ";\n", {});
  return description ? description->config : nullptr;
}

TEST(Library, EveryNativeTypeHasItsTemplate) {
  std::vector<std::string> seen;
  for (const auto& name : schemas().classes()) {
    const auto* schema = schemas().find(name);
    ASSERT_NE(schema, nullptr);
    if (std::find(seen.begin(), seen.end(), schema->type) != seen.end()) continue;
    seen.push_back(schema->type);
    auto description = resolved(schema->type);
    ASSERT_TRUE(description) << schema->type << "\n" << description.error().render();
    auto config = description->root->component("sfConfig");
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
  for (const auto& name : schemas().classes()) {
    const auto* schema = schemas().find(name);
    auto config = linked(schema->type);
    if (!config) continue;
    for (const auto* wanted : schemas().attributes(*schema)) {
      const auto* attribute = config->find(wanted->name);
      if (!attribute || !wanted->fallback) continue;
      EXPECT_EQ(lang::print_value(attribute->value), lang::print_value(*wanted->fallback))
          << schema->type << ":" << wanted->name;
    }
  }
}

}  // namespace
}  // namespace croft::components
