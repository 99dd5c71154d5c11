// The server as its owner drives it: bytes in, bytes out. test/lsp drives the same through a real
// client; here are the properties, under the sanitizers.
#include "lang/lsp/server.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "lang/lsp/frames.h"
#include "lang/lsp/position.h"
#include "wire/json.h"

namespace croft::lang::lsp {
namespace {

using wire::json::Array;
using wire::json::Object;
using wire::json::Value;

class Session {
 public:
  Session() : server_({}) { ask(0, "initialize", Object{}); }

  void tell(const std::string& method, Object params) {
    feed(Object{{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
  }
  Value ask(int id, const std::string& method, Object params) {
    feed(Object{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}});
    return last_.contains("result") ? last_.at("result") : last_.at("error");
  }
  void open(const std::string& text) {
    tell("textDocument/didOpen",
         Object{{"textDocument", Object{{"uri", "u"}, {"version", 1}, {"text", text}}}});
  }
  void change(Array changes) {
    tell("textDocument/didChange", Object{{"textDocument", Object{{"uri", "u"}, {"version", 2}}},
                                          {"contentChanges", std::move(changes)}});
  }
  Value diagnostics() {
    std::string out;
    while (server_.has_work()) server_.work(out);
    read(out);
    return last_.at("params").at("diagnostics");
  }

 private:
  void feed(const Object& message) {
    std::string out;
    server_.feed(framed(wire::json::compact(message)), out);
    read(out);
  }
  void read(const std::string& out) {
    reader_.feed(out);
    while (auto frame = reader_.next()) {
      auto parsed = wire::json::parse_object(frame->body, "answer", {.depth = 4096});
      ASSERT_TRUE(parsed) << frame->body;
      last_ = std::move(*parsed);
    }
  }

  Server server_;
  FrameReader reader_;
  Object last_;
};

Object place(int line, int character) {
  return {{"textDocument", Object{{"uri", "u"}}},
          {"position", Object{{"line", line}, {"character", character}}},
          {"newName", "fresh"}};
}

std::vector<std::string> cases() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(CROFT_SOURCE_DIR "/test/lang/conformance")) {
    if (entry.path().extension() != ".sf") continue;
    std::ifstream in(entry.path());
    std::ostringstream text;
    text << in.rdbuf();
    out.push_back(text.str());
  }
  return out;
}

TEST(Server, SaysWhatTheResolverSays) {
  for (const auto& text : cases()) {
    Session session;
    session.open(text);
    size_t marks = session.diagnostics().as_array().size();
    auto resolved = resolve("u", text, {});
    Project project{Options{}};
    project.overlay("u", text);
    View view(project, "u");
    // Without sfConfig a text is a library: what only deployment shows is not looked for.
    if (!resolved && view.find({view.main().get(), 0}, "sfConfig"))
      EXPECT_EQ(marks, 1 + resolved.error().others.size()) << text;
    if (resolved) EXPECT_EQ(marks, 0u) << text;
  }
}

// Each text is asked at many places, each place one question: over all texts each question meets
// each kind of place.
TEST(Server, AnswersEveryRequestAnywhere) {
  constexpr const char* methods[] = {"hover",      "completion",    "definition",
                                     "references", "prepareRename", "rename"};
  size_t turn = 0;
  for (const auto& text : cases()) {
    Session session;
    session.open(text);
    int line = 0, id = 1;
    for (size_t at = 0; at < text.size(); at += 23) {
      line = static_cast<int>(
          std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
      session.ask(++id, std::string("textDocument/") + methods[turn++ % std::size(methods)],
                  place(line, static_cast<int>(at % 40)));
    }
    EXPECT_TRUE(session.ask(++id, "textDocument/documentSymbol", place(0, 0)).is_array());
    EXPECT_TRUE(session.ask(++id, "textDocument/formatting", place(0, 0)).is_array());
  }
}

RC_GTEST_PROP(Server, IncrementsGiveTheSameAsTheWholeText, ()) {
  std::string text = "T extends { a 1; }\nsfConfig extends T {\n  b a;\n  c \"\xC3\xA9\";\n}\n";
  Session session;
  session.open(text);
  int edits = *rc::gen::inRange(1, 8);
  for (int i = 0; i < edits; ++i) {
    auto begin = *rc::gen::inRange<size_t>(0, text.size() + 1);
    auto end = std::min(text.size(), begin + *rc::gen::inRange<size_t>(0, 6));
    auto inside = [&](size_t at) { return at < text.size() && (text[at] & 0xC0) == 0x80; };
    if (inside(begin) || inside(end)) continue;
    auto by =
        *rc::gen::element<std::string>("", "x", ";", "}", "{\n", "\n", "\"", "\xC3\xA9", "b 2;");
    Text before(text);
    Position from = before.position(static_cast<uint32_t>(begin), Encoding::utf16);
    Position to = before.position(static_cast<uint32_t>(end), Encoding::utf16);
    auto json = [](Position at) { return Object{{"line", at.line}, {"character", at.character}}; };
    session.change(
        Array{Object{{"range", Object{{"start", json(from)}, {"end", json(to)}}}, {"text", by}}});
    text.replace(begin, end - begin, by);
  }
  Session fresh;
  fresh.open(text);
  RC_ASSERT(session.diagnostics() == fresh.diagnostics());
  auto outline = [](Session& one) {
    return one.ask(9, "textDocument/documentSymbol", place(0, 0));
  };
  RC_ASSERT(outline(session) == outline(fresh));
}

TEST(Server, UrisAreFiles) {
  EXPECT_EQ(file_of_uri("file:///a%20b/%C3%A9.sf"), "/a b/\xC3\xA9.sf");
  EXPECT_EQ(file_of_uri("file://host/a.sf"), "/a.sf");
  EXPECT_EQ(file_of_uri("untitled:One"), "untitled:One");
  EXPECT_EQ(uri_of_file("/a b/\xC3\xA9#.sf"), "file:///a%20b/%C3%A9%23.sf");
  EXPECT_EQ(file_of_uri("file:///100%"), "/100%");
}

}  // namespace
}  // namespace croft::lang::lsp
