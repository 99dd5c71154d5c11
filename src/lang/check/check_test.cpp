// The checks of a type that has an attribute of every form, with made-up schemas: what real types
// do not use (yet) has a text, too. Golden files: test/lang/forms/NAME.sf is answered by NAME.err.
// ACCEPT=1 writes them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lang/lang.h"

namespace croft::lang {
namespace {

namespace fs = std::filesystem;
using model::AttributeSchema;
using model::Type;

AttributeSchema attribute(std::string name, Type type) {
  AttributeSchema out;
  out.name = std::move(name);
  out.type = type;
  return out;
}

model::SchemaSet schemas() {
  model::ComponentSchema sample;
  sample.sf_class = "croft.Sample";
  sample.type = "Sample";
  for (auto [name, type] :
       std::initializer_list<std::pair<const char*, Type>>{{"flag", Type::boolean},
                                                           {"count", Type::integer},
                                                           {"share", Type::number},
                                                           {"word", Type::string},
                                                           {"wait", Type::duration},
                                                           {"size", Type::bytes},
                                                           {"price", Type::money},
                                                           {"list", Type::vector},
                                                           {"words", Type::strings},
                                                           {"part", Type::component},
                                                           {"parts", Type::components},
                                                           {"link", Type::link},
                                                           {"any", Type::any}})
    sample.attributes.push_back(attribute(name, type));
  auto in_seconds = attribute("delay", Type::duration);
  in_seconds.bare_unit = "s";
  in_seconds.least = 1;
  in_seconds.most = 60;
  auto bounded = attribute("memory", Type::bytes);
  bounded.least = 1024;
  auto old = attribute("oldName", Type::string);
  old.deprecated = "'word'";
  auto secret = attribute("password", Type::string);
  secret.secret = true;
  auto chosen = attribute("mode", Type::string);
  chosen.choices = {"FAST", "SAFE"};
  sample.attributes.insert(sample.attributes.end(), {in_seconds, bounded, old, secret, chosen});
  model::ComponentSchema needy;
  needy.sf_class = "croft.Needy";
  needy.type = "Needy";
  for (const AttributeSchema& each : sample.attributes) {
    AttributeSchema needed = each;
    needed.required = true;
    needy.attributes.push_back(needed);
  }
  model::ComponentSchema root;
  root.sf_class = "croft.Compound";
  root.type = "Compound";
  root.container = true;
  model::SchemaSet out;
  out.add(std::move(sample));
  out.add(std::move(needy));
  out.add(std::move(root));
  return out;
}

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// Errors, then warnings, as `croft check` would say them.
std::string findings_of(const fs::path& file) {
  auto description = resolve(file.filename().string(), slurp(file), {});
  if (!description) return description.error().render();
  auto findings = check(*description, schemas());
  std::string out;
  for (const auto& error : findings.errors) out += error.render();
  for (const auto& warning : findings.warnings) out += "warning: " + warning.render();
  return out;
}

TEST(Check, EveryFormHasItsText) {
  size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(CROFT_SOURCE_DIR "/test/lang/forms")) {
    if (entry.path().extension() != ".sf") continue;
    ++cases;
    fs::path golden = entry.path();
    golden.replace_extension(".err");
    std::string text = findings_of(entry.path());
    if (std::getenv("ACCEPT"))
      std::ofstream(golden) << text;
    else
      EXPECT_EQ(text, slurp(golden)) << entry.path();
  }
  EXPECT_EQ(cases, 4u);
}

}  // namespace
}  // namespace croft::lang
