// The inside of the server: documents, and one handler a method. Private to lsp/.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lang/lsp/frames.h"
#include "lang/lsp/position.h"
#include "lang/lsp/server.h"
#include "wire/json.h"

namespace croft::lang::lsp {

using wire::json::Array;
using wire::json::Object;

// Members of messages that may be absent or of another type: nothing then. In server.cpp.
std::string text_at(const Object& object, std::string_view name);
const Object& object_at(const Object& object, std::string_view name);

struct Document {
  std::string uri;
  std::string name;  ///< the path, or the address of what is no file
  Text text;
  int64_t version = 0;
  bool parsed = false;     ///< the project has this text
  bool diagnosed = false;  ///< its diagnostics are of this text
  uint64_t changed = 0;    ///< the last one changed is diagnosed first
  uint64_t view_of = 0;    ///< the generation that `view` was made in
  std::unique_ptr<View> view;
  std::optional<model::Description> resolved;
};

/// A request that cannot be answered.
struct Refusal {
  int code = -32603;
  std::string message;
};
constexpr int invalid_params = -32602;
constexpr int request_failed = -32803;
using Answer = std::expected<boost::json::value, Refusal>;

struct Server::State {
  explicit State(ServerOptions given);

  // server.cpp: messages and documents.
  void message(const std::string& body, std::string& out);
  void notification(const std::string& method, const Object& params, std::string& out);
  Answer request(const std::string& method, const Object& params);
  Answer initialize(const Object& params);
  void open(const Object& params, std::string& out);
  void change(const Object& params);
  void close(const Object& params, std::string& out);
  void configure(const Object& settings);
  void touched(Document* document);
  Document* document_of(const Object& params);
  void publish(Document& document, const std::vector<Diagnostic>& found, std::string& out);
  void work(std::string& out);

  // requests.cpp: what editors ask.
  Answer hover(const Object& params);
  Answer completion(const Object& params);
  Answer definition(const Object& params);
  Answer references(const Object& params);
  Answer prepare_rename(const Object& params);
  Answer rename(const Object& params);
  Answer symbols(const Object& params);
  Answer formatting(const Object& params);

  struct Asked {
    Document* document = nullptr;
    View* view = nullptr;
    uint32_t offset = 0;
  };
  std::expected<Asked, Refusal> asked(const Object& params);
  View& view_of(Document& document);
  void parse_now(Document& document);
  Object range(const Text& text, uint32_t begin, uint32_t end) const;
  const Text& lines_of(const FilePtr& file) const;
  std::optional<Object> location(const Spot& spot) const;
  std::string uri_of(const std::string& file) const;
  /// Calls `use` with a view of every description that may mean the same names.
  void each_view(const std::string& name, const std::function<void(View&)>& use);
  Object symbol_json(const Text& text, const Symbol& symbol) const;

  ServerOptions options;
  Project project;
  TypeIndex types;
  FrameReader frames;
  Encoding encoding = Encoding::utf16;
  std::map<std::string, Document> documents;    // by uri
  std::vector<std::string> folders;             // of the workspace
  mutable std::pair<FilePtr, Text> last_lines;  // many spots of one file follow each other
  uint64_t generation = 1;
  int64_t last_ms = 0;
  bool initialized = false;
  bool asked_to_end = false;
  std::optional<int> exit;
};

}  // namespace croft::lang::lsp
