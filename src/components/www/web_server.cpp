// WebServer: the files of a folder, read by everybody who reaches the port. GET and HEAD only.
#include <fmt/format.h>

#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/host/host_component.h"
#include "net/http_server.h"
#include "wire/uri.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

struct Kind {
  std::string_view ending, type;
};
constexpr Kind kinds[] = {{".html", "text/html; charset=utf-8"},
                          {".htm", "text/html; charset=utf-8"},
                          {".txt", "text/plain; charset=utf-8"},
                          {".css", "text/css; charset=utf-8"},
                          {".js", "text/javascript; charset=utf-8"},
                          {".json", "application/json"},
                          {".xml", "application/xml"},
                          {".svg", "image/svg+xml"},
                          {".png", "image/png"},
                          {".jpg", "image/jpeg"},
                          {".gif", "image/gif"},
                          {".pdf", "application/pdf"}};

std::string_view type_of_file(std::string_view path) {
  for (const Kind& kind : kinds)
    if (path.ends_with(kind.ending)) return kind.type;
  return "application/octet-stream";
}

class WebServer : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(must_be_here(context));
    std::string root = CO_TRY(co_await folder(context));
    auto info = co_await context.world().disk.info(root);
    if (info && !info->is_directory)
      co_return fail(Code::conflict, root + " is a file, not a folder",
                     context.where("resourceBase"));
    if (!info) CO_TRY(co_await context.world().disk.make_dirs(root));
    publish_path(context, root);
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    std::string host = CO_TRY(context.string_or("host", "127.0.0.1"));
    int64_t port = CO_TRY(context.integer_or("port", 8080));
    auto listener = context.world().net.listen({host, static_cast<uint16_t>(port), ""});
    if (!listener)
      co_return fail(
          std::move(listener).error().at(context.where("port")).frame("listening for requests"));
    listener_ = *std::move(listener);
    context.publish("url",
                    model::Value(fmt::format("http://{}:{}/", host, listener_->local().port)));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    net::HttpServer server(
        context.world(), [&context](net::Exchange& exchange) { return answer(context, exchange); });
    co_return co_await server.serve(std::move(listener_));
  }

 private:
  static aio::Task<Result<std::string>> folder(Context& context) {
    std::string text = CO_TRY(context.string_or("resourceBase", "."));
    co_return co_await confined(context, text, context.where("resourceBase"));
  }
  static aio::Task<Result<>> refuse(net::Exchange& exchange, int status) {
    wire::Headers headers;
    headers.add("Content-Type", "text/plain");
    if (status == 405) headers.add("Allow", "GET, HEAD");
    std::string text = fmt::format("{} {}\n", status, wire::reason_phrase(status));
    co_return co_await exchange.respond(status, std::move(headers), std::move(text));
  }
  /// The file that a path names; nullopt: there is none that may be read.
  static aio::Task<Result<std::optional<std::string>>> file_of(Context& context,
                                                               std::string target) {
    auto plain = wire::percent_decode(target.substr(0, target.find('?')));
    if (!plain || plain->find('\0') != std::string::npos) co_return std::nullopt;
    std::string root = CO_TRY(co_await folder(context));
    std::string path = normal_path(root + normal_path(*plain));
    auto inside = co_await confined(context, path, Where());
    if (!inside) co_return std::nullopt;
    auto info = co_await context.world().disk.info(path);
    if (info && info->is_directory) {
      path += "/index.html";
      inside = co_await confined(context, path, Where());
      info = co_await context.world().disk.info(path);
    }
    if (!inside || !info || info->is_directory) co_return std::nullopt;
    co_return std::optional(path);
  }
  static aio::Task<Result<>> answer(Context& context, net::Exchange& exchange) {
    const auto& request = exchange.request();
    if (request.method != "GET" && request.method != "HEAD")
      co_return co_await refuse(exchange, 405);
    auto path = CO_TRY(co_await file_of(context, std::string(request.target)));
    if (!path) co_return co_await refuse(exchange, 404);
    auto file = co_await context.world().disk.open(*path, aio::OpenMode::read);
    if (!file) co_return co_await refuse(exchange, 404);
    uint64_t size = CO_TRY(co_await (*file)->size());
    wire::Headers headers;
    headers.add("Content-Type", std::string(type_of_file(*path)));
    CO_TRY(co_await exchange.start(200, std::move(headers), size));
    CO_TRY(co_await exchange.send_file(**file, 0, size));
    co_return co_await exchange.finish();
  }
  std::unique_ptr<aio::Listener> listener_;
};

}  // namespace

engine::ComponentType web_server_type() {
  auto port = with_default("port", Type::integer, int32_t{8080}, "0: one that is free; see url");
  port.least = 0;
  port.most = 65535;
  auto url = attribute("url", Type::string, "where it answers");
  url.published = true;
  auto type = type_of(
      "WebServer", "Serves the files of a folder of the work folder, for GET and HEAD.",
      with_path({port,
                 with_default("host", Type::string, "127.0.0.1",
                              "the address that it listens on; 0.0.0.0: all of the machine"),
                 with_default("resourceBase", Type::string, ".", "the folder; made if absent"),
                 url}),
      [] { return std::make_unique<WebServer>(); }, "croft.Compound");
  type.compound = type.coded = type.works = type.schema.container = true;
  return type;
}

}  // namespace croft::components
