// TextFile, TextListFile, TempFile, TouchFile: files that are written.
#include <fmt/format.h>

#include "aio/real/confined.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/host/files.h"
#include "components/host/host_component.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// Characters of a UTF-8 text; bytes that are none count as U+FFFD.
std::vector<uint32_t> characters_of(std::string_view text) {
  std::vector<uint32_t> out;
  for (size_t at = 0; at < text.size();) {
    auto first = static_cast<unsigned char>(text[at++]);
    int more = first >= 0xF0 && first < 0xF8 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    if (first >= 0xF8 || (first >= 0x80 && first < 0xC0)) {
      out.push_back(0xFFFD);
      continue;
    }
    uint32_t value = more == 0 ? first : first & (0x3Fu >> more);
    for (; more > 0 && at < text.size() && (text[at] & 0xC0) == 0x80; --more)
      value = value << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
    out.push_back(more == 0 ? value : 0xFFFD);
  }
  return out;
}

/// As Java's encodings of these names write it: "UTF-16" has its mark and the high byte first.
Result<std::string> encoded(Context& context, std::string text) {
  std::string name = to_upper(TRY(context.string_or("encoding", "UTF-8")));
  if (name == "UTF-8" || name == "UTF8") return text;
  bool little = name == "UTF-16LE";
  bool wide = little || name == "UTF-16BE" || name == "UTF-16";
  uint32_t most = name == "ISO-8859-1" ? 0xFF : 0x7F;
  std::string out;
  auto unit = [&](uint32_t value) {
    char high = static_cast<char>(value >> 8), low = static_cast<char>(value);
    out += little ? low : high;
    out += little ? high : low;
  };
  if (name == "UTF-16") unit(0xFEFF);
  for (uint32_t each : characters_of(text)) {
    if (!wide) {
      out += each <= most ? static_cast<char>(each) : '?';
    } else if (each < 0x10000) {
      unit(each);
    } else {
      unit(0xD800 + ((each - 0x10000) >> 10));
      unit(0xDC00 + ((each - 0x10000) & 0x3FF));
    }
  }
  return out;
}

/// A file that is there from deploy on, with a text that its kind knows.
class Written : public Staying {
 public:
  enum class Kind { text, list, touched };
  explicit Written(Kind kind) : kind_(kind) {}

  aio::Task<Result<>> deploy(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    CO_TRY(co_await make_parents(context, path));
    std::string text;
    if (kind_ == Kind::text) text = CO_TRY(context.string("text"));
    if (kind_ == Kind::list) text = CO_TRY(lines_of(context, "list"));
    text = CO_TRY(encoded(context, std::move(text)));
    auto there = co_await context.world().disk.read_file(path, file_max);
    if (kind_ == Kind::touched && there) text = *there;
    if (!there || *there != text || kind_ == Kind::touched)
      CO_TRY(co_await context.world().disk.write_file(path, text, usual_mode));
    int64_t time = CO_TRY(context.integer_or("timestamp", -1));
    if (kind_ == Kind::touched && time >= 0)
      CO_TRY(co_await aio::change_time(context.world(), path, WallTime{time * 1'000'000}));
    publish_path(context, path);
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!CO_TRY(context.boolean_or("deleteOnExit", false))) co_return Result<>{};
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    co_return co_await remove_if_there(context, Removal::file, path);
  }

 private:
  Kind kind_;
};

class TempFile : public Staying {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    if (CO_TRY(context.boolean_or("createOnDeploy", true))) CO_TRY(co_await make(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    if (!CO_TRY(context.boolean_or("createOnDeploy", true))) CO_TRY(co_await make(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    return remove_temporary(context, Removal::file);
  }

 private:
  static aio::Task<Result<>> make(Context& context) {
    std::string path;
    if (auto made = context.record().memory.find("path"); made != context.record().memory.end()) {
      path = made->second;
    } else {
      CO_TRY(must_be_here(context));
      path = CO_TRY(co_await temporary_path(context, "temp", ".tmp"));
      context.remember("path", path);
      CO_TRY(co_await make_parents(context, path));
      std::string text = CO_TRY(encoded(context, CO_TRY(context.string_or("text", ""))));
      CO_TRY(co_await context.world().disk.write_file(path, std::move(text), usual_mode));
    }
    publish_path(context, path);
    context.publish("filename", model::Value(path));
    co_return Result<>{};
  }
};

model::AttributeSchema encoding() {
  auto out = with_default("encoding", Type::string, "UTF-8", "how its characters become bytes");
  out.choices = {"UTF-8",  "utf-8",    "ASCII",    "US-ASCII",
                 "UTF-16", "UTF-16BE", "UTF-16LE", "ISO-8859-1"};
  return out;
}

model::AttributeSchema touched_time() {
  auto out = with_default("timestamp", Type::integer, int32_t{-1},
                          "milliseconds since 1970 when it counts as changed; -1: now");
  out.least = -1;
  out.most = 4e12;
  return out;
}

std::vector<model::AttributeSchema> written(model::AttributeSchema content) {
  return with_path({required("filename", Type::any, "its name"), std::move(content), encoding(),
                    attribute("dir", Type::any, "the folder that a relative filename is in"),
                    with_default("createParentDirs", Type::boolean, false, "make its folder, too"),
                    with_default("deleteOnExit", Type::boolean, false, "remove it at the end")});
}

}  // namespace

engine::ComponentType text_file_type() {
  return file_on_hosts_too("TextFile", "A file with `text` in it.", HostFile::text,
                           written(required("text", Type::string, "what is in it")),
                           [] { return std::make_unique<Written>(Written::Kind::text); });
}
engine::ComponentType text_list_file_type() {
  return file_on_hosts_too("TextListFile", "A file whose lines are the elements of `list`.",
                           HostFile::list, written(required("list", Type::vector, "its lines")),
                           [] { return std::make_unique<Written>(Written::Kind::list); });
}
engine::ComponentType touch_file_type() {
  return file_type_of(
      "TouchFile", "A file that is made where there is none, and counts as changed at a time.",
      written(touched_time()), [] { return std::make_unique<Written>(Written::Kind::touched); });
}
engine::ComponentType temp_file_type() {
  auto name = attribute("filename", Type::string, "where it is, as absolutePath");
  name.published = true;
  return file_type_of(
      "TempFile", "A new file with a name of its own.",
      with_path({with_default("prefix", Type::string, "temp", "how its name begins"),
                 with_default("suffix", Type::string, ".tmp", "how its name ends"),
                 attribute("dir", Type::any, "the folder that it is made in"),
                 attribute("text", Type::string, "what is in it"), encoding(), name,
                 with_default("deleteOnExit", Type::boolean, false, "remove it at the end"),
                 with_default("createOnDeploy", Type::boolean, true, "at deploy, not at start")}),
      [] { return std::make_unique<TempFile>(); });
}

}  // namespace croft::components
