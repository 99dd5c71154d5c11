// Download: a file from the web into the work folder. Looked at before it is fetched, and written
// whole or not at all, so a restart does no harm.
#include <fmt/format.h>

#include "components/filesystem/work_folder.h"
#include "components/http_action.h"
#include "components/http_exchange.h"
#include "wire/http.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Download : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(url(context));
    publish_path(context, CO_TRY(co_await file_path(context, "toLocalFile")));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "toLocalFile"));
    if (CO_TRY(co_await is_fresh(context, path))) co_return Result<>{};
    net::ClientRequest request;
    request.method = "GET";
    request.url = CO_TRY(url(context));
    request.answer_limit = file_max;
    request.deadline = CO_TRY(context.duration_or("timeout", "ms", Duration::minutes(10)));
    context.waits("downloads " + request.url.text());
    std::string from = request.url.text();
    auto answer = co_await exchange(context, std::move(request), {}, true);
    if (!answer) co_return fail(std::move(answer).error().frame("GET " + from));
    if (answer->status / 100 != 2)
      co_return fail(Error(code_of_status(answer->status),
                           fmt::format("GET {} answered {} {}", from, answer->status,
                                       wire::reason_phrase(answer->status)),
                           context.where("url")));
    CO_TRY(co_await make_parents(context, path));
    CO_TRY(co_await context.world().disk.write_file(path, std::move(answer->body), usual_mode));
    context.waits("");
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    bool ends = CO_TRY(context.boolean_or("shouldTerminate", false));
    co_return context.done(TerminationRecord::normal(context.path(), "the file is there"), ends);
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!CO_TRY(context.boolean_or("deleteOnExit", false))) co_return Result<>{};
    co_return co_await remove_if_there(context, Removal::file,
                                       CO_TRY(co_await file_path(context, "toLocalFile")));
  }

 private:
  static Result<net::Url> url(Context& context) {
    auto out = net::Url::parse(TRY(context.string("url")));
    if (!out) return fail(std::move(out).error().at(context.where("url")));
    if (out->scheme != "http" && out->scheme != "https")
      return fail(Error(Code::unsupported,
                        fmt::format("'{}' is neither http nor https", out->scheme),
                        context.where("url"))
                      .hint("a CopyFile copies files"));
    return out;
  }
  static aio::Task<Result<bool>> is_fresh(Context& context, std::string path) {
    auto info = co_await context.world().disk.info(path);
    if (!info) {
      if (info.error().code == Code::not_found) co_return false;
      co_return fail(std::move(info).error().at(context.where("toLocalFile")));
    }
    if (info->is_directory)
      co_return fail(Code::conflict, path + " is a folder, not a file",
                     context.where("toLocalFile"));
    auto most = CO_TRY(context.duration_or("maxCacheAge", "s", Duration::seconds(6000)));
    co_return most >= Duration::forever() || context.world().clock.wall() - info->modified <= most;
  }
};

}  // namespace

engine::ComponentType download_type() {
  auto age = attribute("maxCacheAge", Type::duration,
                       "seconds that the file is good for; negative: for ever");
  age.bare_unit = "s";
  age.forever = true;
  age.fallback = model::Value(int32_t{6000});
  auto timeout = attribute("timeout", Type::duration, "how long the download may take");
  timeout.bare_unit = "ms";
  auto type = file_type_of(
      "Download", "Downloads `url` to a file, where that is not there or too old.",
      with_path(
          {required("url", Type::string, "http or https"),
           required("toLocalFile", Type::any, "the file it becomes"), age, timeout,
           with_default("blocksize", Type::integer, int32_t{1024}, "kept for old descriptions"),
           with_default("createParentDirs", Type::boolean, true, "make its folder, too"),
           with_default("deleteOnExit", Type::boolean, false, "remove it at the end"),
           with_default("shouldTerminate", Type::boolean, false,
                        "end once it is there, where sfShouldTerminate does not say"),
           attribute("sfShouldTerminate", Type::boolean, "end once it is there")}),
      [] { return std::make_unique<Download>(); });
  type.schema.type = "DownloadComponent";
  type.aliases = {"org.smartfrog.services.os.download.DownloadImpl"};
  return type;
}

}  // namespace croft::components
