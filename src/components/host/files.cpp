// Directory and Template, and what File, TextFile, TextListFile and Mkdir do on a host.
#include "components/host/files.h"

#include <fmt/format.h>

#include "base/text.h"
#include "components/host/host_component.h"
#include "components/host/secrets.h"
#include "components/passwords/passwords.h"

namespace croft::components {

using engine::Context;
using engine::Host;
using model::FileWork;
using model::Type;
using model::WorkState;

namespace {

constexpr size_t content_max = 4 << 20;
constexpr int usual_file = 0644, usual_folder = 0755, secret_file = 0600;

Result<std::string> absolute(const Fields& fields, std::string_view name, std::string path) {
  if (path.starts_with('/') && path.find('\0') == std::string::npos) return path;
  return fail(Error(
      Code::invalid_argument,
      fmt::format("'{}' is no absolute path: on a host there is no work folder", printable(path)),
      fields.where(name)));
}

/// A path, or a link to what has one.
Result<std::string> path_of(const Fields& fields, std::string_view name) {
  auto found = TRY(fields.find(name));
  auto component = found ? found->as_component() : nullptr;
  std::string path =
      component ? component->string("absolutePath").value_or("") : TRY(fields.string(name));
  return absolute(fields, name, std::move(path));
}

Result<> fill_owner(const Fields& fields, FileWork& out, int usual) {
  out.mode = TRY(fields.mode("mode", usual));
  out.owner = TRY(fields.string("owner"));
  out.group = TRY(fields.string("group"));
  return {};
}

/// Tells where it is, and a digest of what is in it for those that use it.
class OnHost : public HostComponent {
 protected:
  void is_ready(Context& context, const Host&, const WorkState& state) override {
    auto what = describe(context);
    if (what) {
      const std::string& path = std::get<FileWork>(*what).path;
      publish_once(context, "absolutePath", path);
      publish_once(context, "uri", "file://" + path);
    }
    publish_once(context, "digest", state.digest);
  }
};

class Content : public OnHost {
 public:
  explicit Content(HostFile kind) : kind_(kind) {}

 protected:
  Result<What> describe(Context& context) override {
    TRY(no_secrets_but_in(context, {}));
    Fields fields(context);
    FileWork out;
    out.path = TRY(path_of(fields, "filename"));
    TRY(fill_owner(fields, out, usual_file));
    if (kind_ == HostFile::list) {
      out.content = TRY(fields.lines("list"));
    } else {
      if (!fields.component() || !fields.component()->find("text"))
        return fail(Error(Code::unsupported,
                          fmt::format("{} has no text to write on its host", context.path()),
                          context.where("filename"))
                        .hint("FileProbe asks whether a file is there"));
      out.content = TRY(fields.string("text"));
    }
    // A TextFile stays where it is not told to go, as it always did; a File goes.
    out.keep = kind_ == HostFile::file ? TRY(fields.boolean("keep", false))
                                       : !TRY(fields.boolean("deleteOnExit", false));
    if (out.content.size() > content_max)
      return fail(Error(Code::resource_exhausted,
                        fmt::format("{} has {} bytes, {} are allowed", out.path, out.content.size(),
                                    content_max),
                        context.where("text"))
                      .hint("an Artifact is fetched by the host itself"));
    return What(std::move(out));
  }

 private:
  HostFile kind_;
};

class Folder : public OnHost {
 public:
  explicit Folder(bool old) : old_(old) {}

 protected:
  Result<What> describe(Context& context) override {
    Fields fields(context);
    FileWork out;
    out.kind = FileWork::Kind::directory;
    std::string parent;
    if (auto found = TRY(fields.find("parentDir"))) parent = TRY(path_of(fields, "parentDir"));
    out.path =
        parent.empty() ? TRY(path_of(fields, "dir")) : parent + "/" + TRY(fields.needed("dir"));
    TRY(fill_owner(fields, out, usual_folder));
    out.keep =
        old_ ? !TRY(fields.boolean("deleteOnExit", false)) : TRY(fields.boolean("keep", false));
    if (old_ && TRY(fields.boolean("cleanOnStartup", false)))
      return fail(Code::unsupported, "cleanOnStartup does nothing on a host",
                  context.where("cleanOnStartup"));
    return What(std::move(out));
  }

 private:
  bool old_;
};

/// `text` with ${name} replaced by what `values` and `secrets` hold.
class Template : public OnHost {
 protected:
  Result<What> describe(Context& context) override {
    TRY(no_secrets_but_in(context, {"secrets"}));
    Fields fields(context);
    FileWork out;
    out.path = TRY(path_of(fields, "filename"));
    auto hidden = TRY(secret_names(context, "secrets"));
    out.secret = !hidden.empty();
    TRY(fill_owner(fields, out, out.secret ? secret_file : usual_file));
    out.keep = TRY(fields.boolean("keep", false));
    auto values = TRY(fields.texts("values"));
    // Shown in place of each until the secret itself is known.
    for (const std::string& name : hidden) values[name] = "";
    out.content = TRY(rendered(fields, values));
    return What(std::move(out));
  }
  aio::Task<Result<>> complete(Context& context, What& what) override {
    FileWork& out = std::get<FileWork>(what);
    if (!out.secret) co_return Result<>{};
    Fields fields(context);
    auto values = CO_TRY(fields.texts("values"));
    for (auto& file : CO_TRY(co_await secret_files(context, "secrets")))
      values[file.name] = file.value.reveal();
    out.content = CO_TRY(rendered(fields, values));
    co_return Result<>{};
  }

 private:
  static Result<std::string> rendered(const Fields& fields,
                                      const std::map<std::string, std::string>& values) {
    auto out = render(TRY(fields.string("text")), values);
    if (!out) return fail(std::move(out).error().at(fields.where("text")));
    if (out->size() <= content_max) return out;
    return fail(Code::resource_exhausted,
                fmt::format("the text is longer than {} bytes", content_max), fields.where("text"));
  }
};

std::vector<model::AttributeSchema> owned(std::vector<model::AttributeSchema> attributes,
                                          const char* mode) {
  attributes.insert(attributes.end(),
                    {attribute("mode", Type::any, mode),
                     attribute("owner", Type::string, "whose it is; else the agent's user's"),
                     attribute("group", Type::string, "its group"),
                     with_default("keep", Type::boolean, false, "it stays at the end"),
                     published("absolutePath", "where it is"), published("uri", "where it is"),
                     published("digest", "another one where its content is another")});
  return attributes;
}

}  // namespace

Result<std::string> render(std::string_view text,
                           const std::map<std::string, std::string>& values) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t open = text.find("${", at);
    if (open == std::string_view::npos) return out.append(text.substr(at));
    if (open > at && text[open - 1] == '$') {  // $${ stands for ${
      out.append(text.substr(at, open - 1 - at)).append("${");
      at = open + 2;
      continue;
    }
    out.append(text.substr(at, open - at));
    size_t close = text.find('}', open);
    if (close == std::string_view::npos)
      return fail(Error(Code::invalid_argument, "'${' without '}'").hint("'$${' stands for '${'"));
    std::string name(trim(text.substr(open + 2, close - open - 2)));
    auto found = values.find(name);
    if (found == values.end()) {
      std::vector<std::string> known;
      for (const auto& [each, value] : values) known.push_back(each);
      Error error(Code::not_found,
                  fmt::format("the text wants '${{{}}}', and no such value is given", name));
      if (auto hint = did_you_mean(name, known); !hint.empty())
        error.hint(std::move(hint));
      else
        error.hint("give it in `values`; '$${' stands for '${'");
      return fail(std::move(error));
    }
    out.append(found->second);
    at = close + 1;
  }
  return out;
}

std::unique_ptr<engine::Component> file_on_host(HostFile kind) {
  if (kind == HostFile::folder) return std::make_unique<Folder>(true);
  return std::make_unique<Content>(kind);
}

engine::ComponentType file_on_hosts_too(std::string name, std::string doc, HostFile kind,
                                        std::vector<model::AttributeSchema> attributes,
                                        std::function<std::unique_ptr<engine::Component>()> make) {
  attributes.insert(attributes.end(),
                    {attribute("mode", Type::any, "on a host: who may do what, such as \"0644\""),
                     attribute("owner", Type::string, "on a host: whose it is"),
                     attribute("group", Type::string, "on a host: its group"),
                     published("digest", "on a host: another one where its content is another")});
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make));
  return on_hosts_too(std::move(type), [kind] { return file_on_host(kind); });
}

engine::ComponentType directory_type() {
  return host_type_of(
      "Directory", "A folder on a host.",
      owned({required("dir", Type::any, "its absolute path")}, "who may do what; else \"0755\""),
      [] { return std::make_unique<Folder>(false); });
}

engine::ComponentType template_type() {
  auto secrets = attribute("secrets", Type::component,
                           "further values; with them only its owner can read the file");
  secrets.secret = true;
  return host_type_of(
      "Template", "A file on a host, made of a text with the values of attributes in it.",
      owned({required("filename", Type::any, "its absolute path"),
             required("text", Type::string, "the text, with ${name} where a value stands"),
             attribute("values", Type::component, "the values by their names; links are followed"),
             secrets},
            "who may do what; else \"0644\", with secrets \"0600\""),
      [] { return std::make_unique<Template>(); });
}

}  // namespace croft::components
