// Library and LibraryArtifact: files of repositories, laid out as Maven and Ivy do.
#include "components/java/library.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/http_action.h"
#include "components/http_exchange.h"
#include "components/registry.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr std::pair<std::string_view, RepositoryLayout> layouts[] = {
    {"Maven1Policy", RepositoryLayout::maven1},
    {"Maven2Policy", RepositoryLayout::maven2},
    {"IvyLocalCachePolicy", RepositoryLayout::ivy_cache},
    {"IvyLocalPublishedPolicy", RepositoryLayout::ivy_published},
    {"FlattenLocalFilesPolicy", RepositoryLayout::flat},
    {"NoRemoteArtifactPolicy", RepositoryLayout::none}};

std::string file_name(const ArtifactName& name) {
  std::string out = name.artifact;
  if (!name.version.empty()) out += "-" + name.version;
  if (!name.classifier.empty()) out += "-" + name.classifier;
  return out + "." + name.extension;
}

/// In names of Ivy the classifier comes first.
std::string ivy_name(const ArtifactName& name, bool versioned) {
  std::string out = name.artifact;
  if (!name.classifier.empty()) out += "-" + name.classifier;
  if (versioned) out += "-" + name.version;
  return out + "." + name.extension;
}

bool is_plain(std::string_view text) {
  return text.find('/') == std::string_view::npos && text != "." && text != ".." &&
         printable(text) == text;
}

class Library : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "cacheDir"));
    CO_TRY(co_await context.world().disk.make_dirs(path));
    publish_path(context, path);
    co_return Result<>{};
  }
};

/// What a LibraryArtifact reads of itself and of its library.
struct Wanted {
  ArtifactName name;
  std::string file;    ///< here
  std::string remote;  ///< below each repository; empty: there are none
  std::vector<std::string> repositories;
};

class LibraryArtifact : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(name_of(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    Wanted wanted = CO_TRY(co_await read(context));
    publish_path(context, wanted.file);
    bool there = CO_TRY(co_await exists(context, wanted.file));
    bool absent = !there && CO_TRY(context.boolean_or("downloadIfAbsent", true));
    if (absent || CO_TRY(context.boolean_or("downloadAlways", false)))
      CO_TRY(co_await download(context, wanted));
    there = CO_TRY(co_await exists(context, wanted.file));
    context.publish("exists", model::Value(there));
    if (!there) {
      if (!CO_TRY(context.boolean_or("failIfNotPresent", true))) co_return Result<>{};
      co_return fail(Code::not_found, "Artifact not found at " + wanted.file,
                     context.where("artifact"));
    }
    CO_TRY(co_await check(context, wanted.file));
    co_return co_await copy(context, wanted.file);
  }
  aio::Task<Result<>> work(Context& context) override {
    co_return context.done(TerminationRecord::normal(context.path(), "the file is there"), true);
  }

 private:
  static Result<ArtifactName> name_of(Context& context) {
    ArtifactName out;
    out.project = TRY(context.string("project"));
    out.artifact = TRY(context.string_or("artifact", ""));
    if (out.artifact.empty()) out.artifact = out.project;
    out.version = TRY(context.string_or("version", ""));
    out.classifier = TRY(context.string_or("classifier", ""));
    out.extension = TRY(context.string_or("extension", "jar"));
    for (auto [name, text] : {std::pair{"project", &out.project},
                              {"artifact", &out.artifact},
                              {"version", &out.version},
                              {"classifier", &out.classifier},
                              {"extension", &out.extension}})
      if (!is_plain(*text))
        return fail(Code::invalid_argument,
                    fmt::format("'{}' cannot be part of a file's name", printable(*text)),
                    context.where(name));
    return out;
  }
  static Result<RepositoryLayout> layout(Context& context, const model::Component& library,
                                         std::string_view attribute) {
    const auto* found = library.find(attribute);
    auto policy = found ? TRY(context.value_in(library, found->value)).as_component() : nullptr;
    std::string name = policy ? policy->string("sfClass").value_or("") : "";
    std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
    for (const auto& [known, layout] : layouts)
      if (last == known) return layout;
    return fail(Error(Code::type_mismatch,
                      fmt::format("{} of the library names no layout", attribute),
                      found && found->where.known() ? Where(found->where) : Where(library.where))
                    .hint("extend Maven1Library, Maven2Library or IvyLibrary"));
  }
  static aio::Task<Result<Wanted>> read(Context& context) {
    Wanted out;
    out.name = CO_TRY(name_of(context));
    auto library = CO_TRY(context.component_or_null("library"));
    if (!library)
      co_return fail(
          Error(Code::unresolved, "No owner repository defined", context.where("library"))
              .hint("library LAZY PARENT:maven, with maven extends Maven2Library"));
    auto local = artifact_path(CO_TRY(layout(context, *library, "localCachePolicy")), out.name);
    auto remote = artifact_path(CO_TRY(layout(context, *library, "remoteCachePolicy")), out.name);
    if (!local) co_return fail(std::move(local).error().at(context.where("version")));
    if (!remote) co_return fail(std::move(remote).error().at(context.where("version")));
    out.remote = *remote;
    std::string cache = library->string("absolutePath").value_or("");
    out.file = CO_TRY(co_await confined(context, cache + "/" + *local, context.where("library")));
    const auto* list = library->find("repositories");
    if (!list) co_return out;
    auto value = CO_TRY(context.value_in(*library, list->value));
    if (auto* repositories = value.get<model::Vector>())
      for (const auto& each : *repositories)
        if (auto* text = each.get<std::string>()) out.repositories.push_back(*text);
    co_return out;
  }
  static aio::Task<Result<bool>> exists(Context& context, std::string path) {
    auto info = co_await context.world().disk.info(path);
    if (info) co_return !info->is_directory;
    if (info.error().code == Code::not_found) co_return false;
    co_return fail(std::move(info).error());
  }
  static aio::Task<Result<>> download(Context& context, Wanted wanted) {
    if (wanted.remote.empty())
      co_return fail(Code::unsupported,
                     fmt::format("The network policy prevents the download of {}, which was not "
                                 "found locally at {}",
                                 wanted.name.artifact, wanted.file),
                     context.where("library"));
    if (wanted.repositories.empty())
      co_return fail(Code::not_found, "No repositories to download from", context.where("library"));
    std::optional<Error> last;
    for (const std::string& repository : wanted.repositories) {
      std::string from = fmt::format("{}/{}", repository, wanted.remote);
      auto body = co_await fetched(context, from);
      if (body) {
        std::string folder = wanted.file.substr(0, wanted.file.rfind('/'));
        CO_TRY(co_await context.world().disk.make_dirs(folder));
        co_return co_await context.world().disk.write_file(wanted.file, *std::move(body),
                                                           usual_mode);
      }
      if (body.error().code == Code::cancelled) co_return fail(std::move(body).error());
      last = std::move(body).error().frame("GET " + from);
    }
    if (!CO_TRY(context.boolean_or("failIfNotPresent", true))) co_return Result<>{};
    co_return fail(std::move(*last));
  }
  static aio::Task<Result<std::string>> fetched(Context& context, std::string from) {
    net::ClientRequest request;
    request.method = "GET";
    auto url = net::Url::parse(from);
    if (!url) co_return fail(std::move(url).error().at(context.where("library")));
    request.url = *std::move(url);
    request.answer_limit = file_max;
    request.deadline = CO_TRY(context.duration_or("timeout", "ms", Duration::minutes(10)));
    context.waits("downloads " + from);
    auto answer = co_await exchange(context, std::move(request), {}, true);
    context.waits("");
    if (!answer) co_return fail(std::move(answer).error());
    if (answer->status / 100 == 2) co_return std::move(answer->body);
    co_return fail(code_of_status(answer->status), fmt::format("it answered {}", answer->status),
                   context.where("artifact"));
  }
  static aio::Task<Result<>> check(Context& context, std::string path) {
    for (auto [name, hash] : {std::pair{"sha1", Hash::sha1}, {"md5", Hash::md5}}) {
      std::string wanted = to_lower(trim(CO_TRY(context.string_or(name, ""))));
      if (wanted.empty()) continue;
      auto bytes = CO_TRY(co_await context.world().disk.read_file(path, file_max));
      std::string is = hex(digest(hash, bytes));
      if (is != wanted)
        co_return fail(Code::conflict,
                       fmt::format("Checksum mismatch on file {}: its {} is {}", path, name, is),
                       context.where(name));
    }
    co_return Result<>{};
  }
  static aio::Task<Result<>> copy(Context& context, std::string from) {
    if (CO_TRY(context.string_or("copyTo", "")).empty()) co_return Result<>{};
    std::string to = CO_TRY(co_await file_path(context, "copyTo"));
    auto info = co_await context.world().disk.info(to);
    if (info && info->is_directory) to += from.substr(from.rfind('/'));
    auto bytes = CO_TRY(co_await context.world().disk.read_file(from, file_max));
    co_return co_await context.world().disk.write_file(to, std::move(bytes), usual_mode);
  }
};

}  // namespace

Result<std::string> artifact_path(RepositoryLayout layout, const ArtifactName& name) {
  bool versioned = layout == RepositoryLayout::maven2 || layout == RepositoryLayout::ivy_cache ||
                   layout == RepositoryLayout::ivy_published;
  if (versioned && name.version.empty())
    return fail(Code::invalid_argument, "this layout of a repository needs a version");
  switch (layout) {
    case RepositoryLayout::maven1:
      return fmt::format("{}/jars/{}", name.project, file_name(name));
    case RepositoryLayout::maven2:
      return fmt::format("{}/{}/{}/{}", replace_all(name.project, ".", "/"), name.artifact,
                         name.version, file_name(name));
    case RepositoryLayout::ivy_cache:
      return fmt::format("{}/{}/{}s/{}", name.project, name.artifact, name.extension,
                         ivy_name(name, true));
    case RepositoryLayout::ivy_published:
      return fmt::format("{}/{}/{}/{}s/{}", name.project, name.artifact, name.version,
                         name.extension, ivy_name(name, false));
    case RepositoryLayout::flat:
      return file_name(name);
    case RepositoryLayout::none:
      return std::string();
  }
  return std::string();
}

engine::ComponentType library_type() {
  auto type = file_type_of(
      "Library", "Repositories, and the folder that keeps what came from them.",
      with_path({required("repositories", Type::vector, "their addresses, asked in turn"),
                 required("cacheDir", Type::any, "the folder, below the work folder"),
                 attribute("localCachePolicy", Type::any, "how the folder is laid out"),
                 attribute("remoteCachePolicy", Type::any, "how the repositories are")}),
      [] { return std::make_unique<Library>(); });
  type.aliases = {"org.smartfrog.services.os.java.LibraryImpl"};
  return type;
}

engine::ComponentType library_artifact_type() {
  auto found = attribute("exists", Type::boolean, "whether the file is there");
  found.published = true;
  auto timeout = attribute("timeout", Type::duration, "how long a download may take");
  timeout.bare_unit = "ms";
  auto type = file_type_of(
      "LibraryArtifact", "A file of a repository, downloaded if it is not there.",
      with_path(
          {attribute("library", Type::any, "link to its Library"),
           required("project", Type::string, "the group that it belongs to"),
           attribute("artifact", Type::string, "its name; else the project's"),
           attribute("version", Type::string, "its version"),
           attribute("classifier", Type::string, "what follows the version in its name"),
           with_default("extension", Type::string, "jar", "how its name ends"),
           attribute("sha1", Type::string, "its digest"), attribute("md5", Type::string, "another"),
           attribute("copyTo", Type::any, "a file or folder that gets a copy"),
           with_default("downloadIfAbsent", Type::boolean, true, "ask the repositories"),
           with_default("downloadAlways", Type::boolean, false, "even where it is there"),
           with_default("failIfNotPresent", Type::boolean, true, "fail when nobody has it"),
           with_default("sfShouldTerminate", Type::boolean, true, "end once it is there"),
           attribute("synchronousDownload", Type::boolean, "kept for old descriptions"),
           attribute("blocksize", Type::integer, "kept for old descriptions"),
           attribute("maxCacheAge", Type::integer, "kept for old descriptions"), timeout, found}),
      [] { return std::make_unique<LibraryArtifact>(); });
  type.aliases = {"org.smartfrog.services.os.java.LibraryArtifactImpl"};
  return type;
}

}  // namespace croft::components
