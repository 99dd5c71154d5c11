#include "lang/lsp/server.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lang/lsp/state.h"

namespace croft::lang::lsp {
namespace {

constexpr size_t document_max = 64u << 20;
constexpr int least_patience_ms = 5;
constexpr int most_patience_ms = 250;

const boost::json::value* member(const Object& object, std::string_view name) {
  return object.if_contains(name);
}

int64_t number_at(const Object& object, std::string_view name) {
  const auto* value = member(object, name);
  return value && value->is_int64() ? value->as_int64() : 0;
}

const Array& array_at(const Object& object, std::string_view name) {
  static const Array none;
  const auto* value = member(object, name);
  return value && value->is_array() ? value->as_array() : none;
}

Position position_of(const Object& object) {
  auto bounded = [](int64_t number) {
    return static_cast<uint32_t>(std::clamp<int64_t>(number, 0, INT32_MAX));
  };
  return {bounded(number_at(object, "line")), bounded(number_at(object, "character"))};
}

void send(std::string& out, Object message) {
  message["jsonrpc"] = "2.0";
  out += framed(wire::json::compact(message));
}

void answer(std::string& out, const boost::json::value& id, Answer result) {
  if (result)
    send(out, {{"id", id}, {"result", std::move(*result)}});
  else
    send(out,
         {{"id", id},
          {"error", Object{{"code", result.error().code}, {"message", result.error().message}}}});
}

void log_message(std::string& out, const std::string& text) {
  send(out, {{"method", "window/logMessage"},
             {"params", Object{{"type", 2}, {"message", "croft: " + text}}}});
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string text_at(const Object& object, std::string_view name) {
  const auto* value = member(object, name);
  return value && value->is_string() ? std::string(value->as_string()) : "";
}

const Object& object_at(const Object& object, std::string_view name) {
  static const Object none;
  const auto* value = member(object, name);
  return value && value->is_object() ? value->as_object() : none;
}

std::string file_of_uri(std::string_view uri) {
  constexpr std::string_view scheme = "file://";
  if (!uri.starts_with(scheme)) return std::string(uri);
  uri.remove_prefix(scheme.size());
  if (size_t slash = uri.find('/'); slash != 0 && slash != std::string_view::npos)
    uri.remove_prefix(slash);  // a host's name
  std::string out;
  for (size_t i = 0; i < uri.size(); ++i) {
    bool escape = uri[i] == '%' && i + 2 < uri.size() && hex_digit(uri[i + 1]) >= 0 &&
                  hex_digit(uri[i + 2]) >= 0;
    out += escape ? static_cast<char>(hex_digit(uri[i + 1]) * 16 + hex_digit(uri[i + 2])) : uri[i];
    if (escape) i += 2;
  }
  return out;
}

std::string uri_of_file(std::string_view file) {
  if (!file.starts_with('/')) return std::string(file);
  std::string out = "file://";
  for (char c : file) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("/-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Server::State::State(ServerOptions given)
    : options(std::move(given)), project(options.language), types(project, options.schemas) {}

Server::Server(ServerOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Server::~Server() = default;

void Server::feed(std::string_view bytes, std::string& out) {
  state_->frames.feed(bytes);
  while (auto frame = state_->frames.next()) {
    if (frame->problem.empty())
      state_->message(frame->body, out);
    else
      log_message(out, frame->problem);
  }
}

void Server::work(std::string& out) {
  state_->work(out);
}

bool Server::has_work() const {
  return std::any_of(state_->documents.begin(), state_->documents.end(),
                     [](const auto& entry) { return !entry.second.diagnosed; });
}

int Server::patience_ms() const {
  return static_cast<int>(
      std::clamp<int64_t>(state_->last_ms / 2, least_patience_ms, most_patience_ms));
}

void Server::last_work_took_ms(int64_t ms) {
  state_->last_ms = ms;
}

std::optional<int> Server::exit_code() const {
  return state_->exit;
}

void Server::State::message(const std::string& body, std::string& out) {
  auto parsed = wire::json::parse(
      body, "message", {.size = Bytes::mib(FrameReader::message_max >> 20), .depth = 64});
  if (!parsed || !parsed->is_object()) {
    std::string why = parsed ? "a message is an object" : parsed.error().line();
    return answer(out, nullptr, std::unexpected(Refusal{-32700, why}));
  }
  const Object& object = parsed->as_object();
  const auto* id = member(object, "id");
  const auto* method = member(object, "method");
  if (!method) {
    if (id && !member(object, "result") && !member(object, "error"))
      answer(out, *id, std::unexpected(Refusal{-32600, "the message has no method"}));
    return;  // else an answer: nothing was asked
  }
  std::string name = text_at(object, "method");
  const Object& params = object_at(object, "params");
  if (!id) return notification(name, params, out);
  answer(out, *id, request(name, params));
}

Answer Server::State::request(const std::string& method, const Object& params) {
  if (method == "initialize") return initialize(params);
  if (!initialized) return std::unexpected(Refusal{-32002, "initialize comes first"});
  if (asked_to_end) return std::unexpected(Refusal{-32600, "the server was asked to shut down"});
  using Handler = Answer (State::*)(const Object&);
  static const std::map<std::string, Handler, std::less<>> handlers = {
      {"textDocument/hover", &State::hover},
      {"textDocument/completion", &State::completion},
      {"textDocument/definition", &State::definition},
      {"textDocument/references", &State::references},
      {"textDocument/prepareRename", &State::prepare_rename},
      {"textDocument/rename", &State::rename},
      {"textDocument/documentSymbol", &State::symbols},
      {"textDocument/formatting", &State::formatting},
  };
  if (method == "shutdown") {
    asked_to_end = true;
    return nullptr;
  }
  auto handler = handlers.find(method);
  if (handler == handlers.end())
    return std::unexpected(
        Refusal{-32601, fmt::format("croft does not know {}", printable(method))});
  return (this->*handler->second)(params);
}

Answer Server::State::initialize(const Object& params) {
  initialized = true;
  const Object& general = object_at(object_at(params, "capabilities"), "general");
  for (const auto& name : array_at(general, "positionEncodings"))
    if (name.is_string() && name.as_string() == "utf-8") encoding = Encoding::utf8;
  for (const auto& folder : array_at(params, "workspaceFolders"))
    if (folder.is_object()) folders.push_back(file_of_uri(text_at(folder.as_object(), "uri")));
  if (folders.empty() && !text_at(params, "rootUri").empty())
    folders.push_back(file_of_uri(text_at(params, "rootUri")));
  if (!folders.empty()) project.options().working_folder = folders.front();
  configure(object_at(params, "initializationOptions"));
  Object capabilities{
      {"positionEncoding", encoding == Encoding::utf8 ? "utf-8" : "utf-16"},
      {"textDocumentSync",
       Object{{"openClose", true}, {"change", 2}, {"save", Object{{"includeText", false}}}}},
      {"hoverProvider", true},
      {"completionProvider", Object{{"triggerCharacters", Array{":", "\"", " ", "/"}}}},
      {"definitionProvider", true},
      {"referencesProvider", true},
      {"renameProvider", Object{{"prepareProvider", true}}},
      {"documentSymbolProvider", true},
      {"documentFormattingProvider", true},
  };
  return Object{{"capabilities", std::move(capabilities)},
                {"serverInfo", Object{{"name", "croft"}, {"version", options.version}}}};
}

/// {"include": ["dir"], "properties": {"name": "value"}}
void Server::State::configure(const Object& settings) {
  Options& language = project.options();
  language.include = options.language.include;
  for (const auto& folder : array_at(settings, "include"))
    if (folder.is_string()) language.include.emplace_back(folder.as_string());
  auto properties = std::make_shared<std::map<std::string, std::string, std::less<>>>();
  for (const auto& [name, value] : object_at(settings, "properties"))
    if (value.is_string()) properties->emplace(name, value.as_string());
  language.property = [properties, before = options.language.property](std::string_view name) {
    auto found = properties->find(name);
    if (found != properties->end()) return std::optional(found->second);
    return before ? before(name) : std::nullopt;
  };
  touched(nullptr);
}

void Server::State::notification(const std::string& method, const Object& params,
                                 std::string& out) {
  if (method == "exit") exit = asked_to_end ? 0 : 1;
  if (!initialized || asked_to_end) return;
  if (method == "textDocument/didOpen") open(params, out);
  if (method == "textDocument/didChange") change(params);
  if (method == "textDocument/didClose") close(params, out);
  if (method == "textDocument/didSave" || method == "workspace/didChangeWatchedFiles")
    touched(nullptr);
  if (method == "workspace/didChangeConfiguration") {
    const Object& settings = object_at(params, "settings");
    configure(settings.contains("croft") ? object_at(settings, "croft") : settings);
  }
}

Document* Server::State::document_of(const Object& params) {
  auto found = documents.find(text_at(object_at(params, "textDocument"), "uri"));
  return found == documents.end() ? nullptr : &found->second;
}

/// Any change may matter to any open description: all are looked at again, the changed one first.
void Server::State::touched(Document* document) {
  ++generation;
  for (auto& [uri, other] : documents) other.diagnosed = false;
  if (document) document->changed = generation;
}

void Server::State::open(const Object& params, std::string& out) {
  const Object& given = object_at(params, "textDocument");
  std::string uri = text_at(given, "uri");
  std::string text = text_at(given, "text");
  if (uri.empty()) return;
  if (text.size() > document_max)
    return log_message(out, fmt::format("{} has {} bytes; {} are allowed", printable(uri),
                                        text.size(), document_max));
  Document& document = documents[uri];
  document.uri = uri;
  document.name = file_of_uri(uri);
  document.text = Text(std::move(text));
  document.version = number_at(given, "version");
  document.parsed = false;
  touched(&document);
}

void Server::State::change(const Object& params) {
  Document* document = document_of(params);
  if (!document) return;
  document->version = number_at(object_at(params, "textDocument"), "version");
  for (const auto& entry : array_at(params, "contentChanges")) {
    if (!entry.is_object()) continue;
    const Object& one = entry.as_object();
    std::string text = text_at(one, "text");
    if (document->text.text().size() + text.size() > document_max) continue;
    if (!one.contains("range")) {
      document->text = Text(std::move(text));
      continue;
    }
    const Object& range = object_at(one, "range");
    uint32_t begin = document->text.offset(position_of(object_at(range, "start")), encoding);
    uint32_t end = document->text.offset(position_of(object_at(range, "end")), encoding);
    document->text.replace(begin, end, text);
  }
  document->parsed = false;
  touched(document);
}

void Server::State::close(const Object& params, std::string& out) {
  Document* document = document_of(params);
  if (!document) return;
  publish(*document, {}, out);
  project.remove_overlay(document->name);
  documents.erase(document->uri);
  touched(nullptr);
}

void Server::State::parse_now(Document& document) {
  if (document.parsed) return;
  project.overlay(document.name, document.text.text());
  document.parsed = true;
}

View& Server::State::view_of(Document& document) {
  for (auto& [uri, other] : documents) parse_now(other);
  if (!document.view || document.view_of != generation) {
    document.view = std::make_unique<View>(project, document.name);
    document.view_of = generation;
  }
  return *document.view;
}

void Server::State::publish(Document& document, const std::vector<Diagnostic>& found,
                            std::string& out) {
  Array list;
  for (const auto& one : found) {
    Object mark{{"range", range(document.text, one.begin, one.end)},
                {"severity", one.warning ? 2 : 1},
                {"code", one.code},
                {"source", "croft"},
                {"message", one.message}};
    Array related;
    for (const auto& other : one.related) {
      auto line = static_cast<uint32_t>(std::max(other.where.line - 1, 0));
      auto column = static_cast<uint32_t>(std::max(other.where.column - 1, 0));
      std::string uri = uri_of(other.where.file);
      if (uri.empty()) continue;
      Object at{{"line", line}, {"character", column}};
      related.emplace_back(
          Object{{"location", Object{{"uri", uri}, {"range", Object{{"start", at}, {"end", at}}}}},
                 {"message", other.message}});
    }
    if (!related.empty()) mark["relatedInformation"] = std::move(related);
    list.emplace_back(std::move(mark));
  }
  send(out, {{"method", "textDocument/publishDiagnostics"},
             {"params", Object{{"uri", document.uri},
                               {"version", document.version},
                               {"diagnostics", std::move(list)}}}});
}

void Server::State::work(std::string& out) {
  Document* next = nullptr;
  for (auto& [uri, document] : documents)
    if (!document.diagnosed && (!next || document.changed > next->changed)) next = &document;
  if (!next) return;
  for (auto& [uri, document] : documents) parse_now(document);
  Diagnosis diagnosis = diagnose(project, next->name, options.schemas);
  if (diagnosis.description) next->resolved = std::move(diagnosis.description);
  next->diagnosed = true;
  publish(*next, diagnosis.found, out);
}

}  // namespace croft::lang::lsp
