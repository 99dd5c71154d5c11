// Calls over LAZY operands: kept by the link pass, computed over the tree as it stands at run time.
#include <gtest/gtest.h>

#include "lang/lang.h"

namespace croft::lang {
namespace {

/// A description whose attributes are read as components do at run time.
class Running {
 public:
  explicit Running(const std::string& body) {
    Options options;
    options.machine = {"frog", "10.1.2.3", {}};
    options.property = [](std::string_view name) -> std::optional<std::string> {
      return name == "region" ? std::optional<std::string>("eu-west-1") : std::nullopt;
    };
    auto made = resolve("a.sf",
                        "#include \"/org/smartfrog/components.sf\"\n"
                        "#include \"/org/smartfrog/services/utils/components.sf\"\n"
                        "#include \"/org/smartfrog/services/filesystem/components.sf\"\n"
                        "sfConfig extends {\n" +
                            body + "\n}\n",
                        options);
    EXPECT_TRUE(made) << made.error().render();
    if (!made) return;
    description_ = *std::move(made);
    config_ = description_.config;
    compute_ = run_time(options);
  }

  void publish(std::string_view component, std::string name, model::Value value) {
    config_->component(component)->set(std::move(name), std::move(value));
  }

  std::string read(std::string_view name) const {
    if (!config_) return "nothing";
    const auto* attribute = config_->find(name);
    if (!attribute) return "no such attribute";
    const auto* call = attribute->value.get<model::Call>();
    auto value =
        call ? compute_(*config_, *call)
             : model::follow(*config_, {{{model::Part::Kind::here, std::string(name)}}}, compute_);
    return value ? print_value(*value) : value.error().what;
  }

 private:
  model::Description description_;  // the root holds all: parents are no owners
  model::ComponentPtr config_;
  model::Compute compute_;
};

TEST(RunTime, TextsOfPublishedValues) {
  Running app(R"(db extends { port 5432; }
    url ("http://" ++ LAZY db:address ++ ":" ++ db:port);
    message extends formatString { format "$0 of $1"; s0 LAZY db:address; s1 7; }
    both LAZY url;)");
  EXPECT_EQ(app.read("url"), "LAZY db:address leads to nothing: no 'address' in 'sfConfig:db'");
  app.publish("db", "address", "10.0.0.7");
  EXPECT_EQ(app.read("url"), "\"http://10.0.0.7:5432\"");
  EXPECT_EQ(app.read("message"), "\"10.0.0.7 of 7\"");
  EXPECT_EQ(app.read("both"), "\"http://10.0.0.7:5432\"");
}

TEST(RunTime, EachOperatorComputes) {
  Running app(R"(it extends { n 6; on true; text "a"; list [1, 2]; }
    sum (LAZY it:n + 1 + 2L);
    nested ((LAZY it:n * 2) - 1);
    divided (LAZY it:n / 4);
    compared (LAZY it:n >= 6);
    same (LAZY it:text == "a");
    truth (LAZY it:on && (! false));
    list [LAZY it:n, "x", [1, LAZY it:text]];
    more (LAZY it:list <> [3]);
    chosen IF LAZY it:on THEN LAZY it:text ELSE "no" FI;
    switched SWITCH IF (LAZY it:n < 6) THEN "low" IF true THEN "high" ENDSWITCH;
    component IF LAZY it:on THEN LAZY it ELSE NULL FI;
    wrong (LAZY it:text + 1);)");
  EXPECT_EQ(app.read("sum"), "9L");
  EXPECT_EQ(app.read("nested"), "11");
  EXPECT_EQ(app.read("divided"), "1");
  EXPECT_EQ(app.read("compared"), "true");
  EXPECT_EQ(app.read("same"), "true");
  EXPECT_EQ(app.read("truth"), "true");
  EXPECT_EQ(app.read("list"), "[|6, \"x\", [|1, \"a\"|]|]");
  EXPECT_EQ(app.read("more"), "[|1, 2, 3|]");
  EXPECT_EQ(app.read("chosen"), "\"a\"");
  EXPECT_EQ(app.read("switched"), "\"high\"");
  EXPECT_EQ(app.read("component").substr(0, 9), "extends {");
  EXPECT_EQ(app.read("wrong"), "\"a\" is not a number");
}

TEST(RunTime, GivesWhatTheLinkPassGives) {
  const std::vector<std::string> values = {"3", "-7", "2L", "1.5", "2.5D", "1.5F"};
  const std::vector<std::string> operators = {
      "+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "++"};
  std::string body;
  for (size_t i = 0; i < values.size(); ++i)
    body += "v" + std::to_string(i) + " " + values[i] + ";\n";
  size_t count = 0;
  for (const auto& op : operators)
    for (size_t a = 0; a < values.size(); ++a)
      for (size_t b = 0; b < values.size(); ++b) {
        std::string left = "v" + std::to_string(a), right = "v" + std::to_string(b);
        std::string number = std::to_string(count++);
        body += "now" + number + " (" + left + " " + op + " " + right + ");\n";
        body += "later" + number + " (LAZY " + left + " " + op + " " + right + ");\n";
      }
  Running app(body);
  for (size_t i = 0; i < count; ++i)
    EXPECT_EQ(app.read("later" + std::to_string(i)), app.read("now" + std::to_string(i))) << i;
}

TEST(RunTime, NamesAreLookedUpFromTheCall) {
  Running app(R"(outer extends { n 1; left 4; }
    left 10;
    n 5;
    operand (LAZY left - 1);
    above (LAZY PARENT:n + 1);
    own extends concat { a LAZY b; b "inner"; }
    optional ("x" ++ LAZY OPTIONAL("none") outer:gone);
    property ("in " ++ LAZY PROPERTY region);)");
  EXPECT_EQ(app.read("operand"), "9");
  EXPECT_EQ(app.read("above"), "6");
  EXPECT_EQ(app.read("own"), "\"innerinner\"");
  EXPECT_EQ(app.read("optional"), "\"xnone\"");
  EXPECT_EQ(app.read("property"), "\"in eu-west-1\"");
}

TEST(RunTime, ExpressionsThatNeedEachOtherEnd) {
  Running app("a (LAZY b + 1); b (LAZY a + 1);");
  EXPECT_EQ(app.read("a"), "more than 100 expressions need each other");
}

TEST(RunTime, TheMachineIsTheOneThatReads) {
  Running app(R"(name extends lookupLocalhost;
    address extends lookupLocalhostAddress;
    at ("http://" ++ (extends lookupLocalhost) ++ "/");)");
  EXPECT_EQ(app.read("name"), "\"frog\"");
  EXPECT_EQ(app.read("address"), "\"10.1.2.3\"");
  EXPECT_EQ(app.read("at"), "\"http://frog/\"");
}

TEST(RunTime, ReferencesMadeOfTextAreFollowed) {
  Running app(R"(it extends { name "it:n"; n 3; }
    found extends ref { reference LAZY it:name; })");
  EXPECT_EQ(app.read("found"), "3");
}

TEST(RunTime, SchemasAreCheckedAgain) {
  Running app(R"(it extends { n 3; }
    port LAZY it:n;
    schema extends Schema { port extends Integer; }
    name LAZY it:gone;)");
  EXPECT_EQ(app.read("schema"), "true");
  app.publish("it", "n", "text");
  EXPECT_EQ(app.read("schema"), "'port' must be an Integer, but is a string (\"text\")");
}

}  // namespace
}  // namespace croft::lang
