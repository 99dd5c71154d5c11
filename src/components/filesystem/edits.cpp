// AppendLines, AppendSSHKey and ReplaceFileVar: files that are changed, once, whatever dies on the
// way: what the file is to become is durable before it is written. Changes of one file come one
// after another.
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr uint32_t private_mode = 0600;
constexpr const char* edit_intent = "edit";

/// Reads, changes and writes a file. Descendants say what it becomes.
class Edit : public OneStep {
 public:
  explicit Edit(uint32_t mode = usual_mode, bool ends = true) : OneStep(ends), mode_(mode) {}

  aio::Task<Result<>> deploy(Context& context) override {
    std::string from = CO_TRY(co_await path_of(context));
    // Before anybody else can change the file, which would hide what an earlier process did.
    if (context.record().intent)
      CO_TRY(co_await is_done(context, CO_TRY(co_await target_of(context, from))));
    co_return Result<>{};
  }
  /// Others that change the same file wait: each begins with what the one before it wrote.
  aio::Task<Result<>> start(Context& context) override {
    std::string from = CO_TRY(co_await path_of(context));
    std::string to = CO_TRY(co_await target_of(context, from));
    auto lock = CO_TRY(co_await context.lock_file(to));
    if (CO_TRY(co_await is_done(context, to))) co_return Result<>{};
    auto there = co_await context.world().disk.read_file(from, file_max);
    if (!there && (there.error().code != Code::not_found || !may_be_new()))
      co_return fail(std::move(there).error().at(context.where("filename")));
    std::string text = CO_TRY(changed(context, there ? *there : ""));
    if (there && from == to && text == *there) co_return Result<>{};
    CO_TRY(co_await make_parents(context, to));
    auto info = co_await context.world().disk.info(from);
    uint32_t mode = info && (info->mode & 0777) ? info->mode & 0777 : mode_;
    CO_TRY(co_await context.intend(edit_intent, {{"file", to}, {"sha256", sha256_hex(text)}}));
    CO_TRY(co_await context.outside(edit_intent + (" " + to),
                                    context.world().disk.write_file(to, text, mode)));
    context.remember("edited", "yes");
    co_return co_await context.settle({});
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!context.record().intent) co_return Result<>{};
    co_return co_await context.settle({});
  }

 protected:
  virtual Result<std::string> changed(Context& context, std::string text) = 0;
  virtual bool may_be_new() const { return true; }
  virtual aio::Task<Result<std::string>> path_of(Context& context) {
    return file_path(context, "filename");
  }
  virtual aio::Task<Result<std::string>> target_of(Context&, std::string path) { co_return path; }

 private:
  /// Whether an earlier process, or an earlier attempt, has written it.
  static aio::Task<Result<bool>> is_done(Context& context, std::string path) {
    if (context.record().memory.contains("edited")) co_return true;
    if (!context.record().intent) co_return false;
    std::string wanted;
    if (auto found = context.record().intent->facts.find("sha256");
        found != context.record().intent->facts.end())
      wanted = found->second;
    auto there = co_await context.world().disk.read_file(path, file_max);
    bool done = there && sha256_hex(*there) == wanted;
    if (done) context.remember("edited", "yes");
    CO_TRY(co_await context.settle({}));
    co_return done;
  }
  uint32_t mode_;
};

std::string with_end(std::string text) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

std::string with_lines(std::string text, const std::vector<std::string>& lines, bool only_missing) {
  text = with_end(std::move(text));
  auto known = split(text, '\n');
  for (const std::string& line : lines) {
    if (line.empty() || (only_missing && std::ranges::find(known, line) != known.end())) continue;
    text += line + "\n";
    known.push_back(line);
  }
  return text;
}

class AppendLines : public Edit {
 public:
  AppendLines() : Edit(usual_mode, false) {}

 protected:
  Result<std::string> changed(Context& context, std::string text) override {
    bool only_missing = TRY(context.boolean_or("addOnlyMissingLines", true));
    return with_lines(std::move(text), split(TRY(lines_of(context, "lines")), '\n'), only_missing);
  }
};

/// A file that holds keys is its owner's alone.
class AppendSshKey : public Edit {
 public:
  AppendSshKey() : Edit(private_mode, false) {}

 protected:
  Result<std::string> changed(Context& context, std::string text) override {
    std::string key(trim(TRY(context.string("key"))));
    bool one_line = !key.empty() && key.find('\n') == std::string::npos;
    if (!one_line || key.find(' ') == std::string::npos)
      return fail(Error(Code::invalid_argument, "this is no public key of ssh: one line is needed",
                        context.where("key"))
                      .hint("what stands in id_ed25519.pub: \"ssh-ed25519 AAAA... name\""));
    if (key.starts_with("-----"))
      return fail(Code::invalid_argument, "this is a private key: the public one is needed",
                  context.where("key"));
    return with_lines(std::move(text), {key}, true);
  }
  aio::Task<Result<std::string>> path_of(Context& context) override {
    if (CO_TRY(context.value_if("filename"))) co_return co_await file_path(context, "filename");
    const passwd* user = ::getpwuid(::geteuid());
    std::string home = user && user->pw_dir ? user->pw_dir : "/root";
    co_return co_await confined(context, home + "/.ssh/authorized_keys", context.where("filename"));
  }
};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

/// varReplace... [what, with] and append... "line", in the order in which they stand.
class ReplaceFileVar : public Edit {
 protected:
  bool may_be_new() const override { return false; }
  Result<std::string> changed(Context& context, std::string text) override {
    if (!context.description()) return text;
    for (const auto& attribute : context.description()->attributes()) {
      if (attribute.name.starts_with("append"))
        text = with_end(std::move(text)) + TRY(context.string(attribute.name)) + "\n";
      if (!attribute.name.starts_with("varReplace")) continue;
      auto pair = TRY(context.vector_or_empty(attribute.name));
      const auto* what = pair.size() == 2 ? pair[0].get<std::string>() : nullptr;
      const auto* with = pair.size() == 2 ? pair[1].get<std::string>() : nullptr;
      if (!what || !with || what->empty())
        return fail(Error(Code::type_mismatch, "what is replaced and with what: two strings",
                          context.where(attribute.name))
                        .hint(attribute.name + " [\"@port@\", \"8080\"];"));
      text = replaced(std::move(text), *what, *with);
      if (text.size() > static_cast<size_t>(file_max.count()))
        return fail(Code::resource_exhausted, "the file would grow too large",
                    context.where(attribute.name));
    }
    return text;
  }
  aio::Task<Result<std::string>> path_of(Context& context) override {
    bool old_name = CO_TRY(context.value_if("fileName")).has_value();
    co_return co_await file_path(context, old_name ? "fileName" : "filename");
  }
  aio::Task<Result<std::string>> target_of(Context& context, std::string path) override {
    if (!CO_TRY(context.value_if("newFileName"))) co_return path;
    co_return co_await file_path(context, "newFileName");
  }
};

model::AttributeSchema ends(const char* doc, bool by_default = true) {
  return with_default("sfShouldTerminate", Type::boolean, by_default, doc);
}

}  // namespace

engine::ComponentType append_lines_type() {
  return file_type_of(
      "AppendLines", "Adds lines to a file.",
      {required("filename", Type::any, "its name"), required("lines", Type::vector, "the lines"),
       with_default("addOnlyMissingLines", Type::boolean, true, "only those it has not yet"),
       with_default("createParentDirs", Type::boolean, false, "make its folder, too"),
       ends("end once they are there", false)},
      [] { return std::make_unique<AppendLines>(); });
}
engine::ComponentType append_ssh_key_type() {
  return file_type_of(
      "AppendSSHKey", "Adds a public key to a file of keys that may log in, once.",
      {required("key", Type::string, "the public key, in one line"),
       attribute("filename", Type::any,
                 "the file; else ~/.ssh/authorized_keys of who runs the controller"),
       with_default("createParentDirs", Type::boolean, true, "make its folder, too"),
       ends("end once it is there", false)},
      [] { return std::make_unique<AppendSshKey>(); });
}
engine::ComponentType replace_file_var_type() {
  return file_type_of(
      "ReplaceFileVar",
      "Replaces texts in a file, as its attributes varReplace... say: [what, with] each; those "
      "named append... are lines that follow.",
      {attribute("filename", Type::any, "its name"), attribute("fileName", Type::any, "its name"),
       attribute("newFileName", Type::any, "where the result goes; else into the file itself"),
       with_default("createParentDirs", Type::boolean, false, "make its folder, too"),
       ends("end once it is written")},
      [] { return std::make_unique<ReplaceFileVar>(); });
}

}  // namespace croft::components
