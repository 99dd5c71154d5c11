// ScpOperation and ScpBulkUpload: files to and from another machine.
#include <fmt/format.h>

#include <algorithm>

#include "base/pattern.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/ssh/session.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

std::string remote(const SshLogin& login, const std::string& path) {
  bool ipv6 = login.host.find(':') != std::string::npos;
  std::string host = ipv6 ? "[" + login.host + "]" : login.host;
  return fmt::format("{}{}:{}", login.user.empty() ? "" : login.user + "@", host, path);
}

aio::Task<Result<>> copy(Context& context, std::vector<std::string> operands, std::string what) {
  SshCommand command;
  command.program = "scp";
  command.options = {"-q"};
  command.operands = std::move(operands);
  auto status = CO_TRY(co_await run_ssh(context, std::move(command)));
  if (status.code == 0 && status.signal == 0) co_return Result<>{};
  co_return fail(Code::unavailable, fmt::format("{}: scp ended with {}", what, text_of(status)));
}

void count_up(Context& context, size_t done) {
  context.publish("transferCount", model::Value(static_cast<int32_t>(done)));
}

class ScpOperation : public SshSteps {
 protected:
  aio::Task<Result<size_t>> count(Context& context) override {
    auto local = CO_TRY(strings_of_list(context, "localFiles"));
    auto away = CO_TRY(strings_of_list(context, "remoteFiles"));
    if (local.size() != away.size())
      co_return fail(Code::invalid_argument,
                     fmt::format("{} localFiles and {} remoteFiles: each needs its counterpart",
                                 local.size(), away.size()),
                     context.where("remoteFiles"));
    CO_TRY(puts(context));
    for (const std::string& each : local)
      CO_TRY(co_await confined(context, each, context.where("localFiles")));
    co_return local.size();
  }
  aio::Task<Result<>> step(Context& context, size_t number) override {
    SshLogin login = CO_TRY(ssh_login(context));
    auto local = CO_TRY(strings_of_list(context, "localFiles"));
    auto away = CO_TRY(strings_of_list(context, "remoteFiles"));
    if (number >= local.size() || number >= away.size())
      co_return fail(Code::conflict, "the files have changed", context.where("localFiles"));
    std::string here =
        CO_TRY(co_await confined(context, local[number], context.where("localFiles")));
    std::string there = remote(login, away[number]);
    bool put = CO_TRY(puts(context));
    if (put) {
      auto info = co_await context.world().disk.info(here);
      if (!info) co_return fail(std::move(info).error().at(context.where("localFiles")));
    } else {
      CO_TRY(co_await context.world().disk.make_dirs(here.substr(0, here.rfind('/'))));
    }
    CO_TRY(co_await copy(context, put ? std::vector{here, there} : std::vector{there, here},
                         fmt::format("{} {} {}", here, put ? "to" : "from", there)));
    count_up(context, number + 1);
    co_return Result<>{};
  }
  std::string done_text(size_t count) const override { return fmt::format("{} files", count); }

 private:
  static Result<bool> puts(Context& context) {
    std::string way = to_upper(TRY(context.string_or("transferType", "GET")));
    if (way == "PUT" || way == "GET") return way == "PUT";
    return fail(Code::invalid_argument,
                fmt::format("transferType is '{}': \"GET\" or \"PUT\" is expected", way),
                context.where("transferType"));
  }
};

/// Files of a folder, in one folder over there.
class ScpBulkUpload : public SshSteps {
 protected:
  aio::Task<Result<size_t>> count(Context& context) override {
    CO_TRY(context.string("remoteDir"));
    if (context.record().memory.contains("files"))
      co_return split(context.record().memory.at("files"), '\n').size();
    co_return CO_TRY(co_await matching(context)).size();
  }
  aio::Task<Result<>> step(Context& context, size_t number) override {
    SshLogin login = CO_TRY(ssh_login(context));
    if (!context.record().memory.contains("files"))
      context.remember("files", join(CO_TRY(co_await matching(context)), "\n"));
    auto files = split(context.record().memory.at("files"), '\n');
    if (number >= files.size()) co_return Result<>{};
    std::string there = remote(login, CO_TRY(context.string("remoteDir")) + "/");
    CO_TRY(co_await copy(context, {files[number], there}, files[number] + " to " + there));
    count_up(context, number + 1);
    co_return Result<>{};
  }
  std::string done_text(size_t count) const override { return fmt::format("{} files", count); }

 private:
  static aio::Task<Result<std::vector<std::string>>> matching(Context& context) {
    std::string dir = CO_TRY(co_await file_path(context, "dir"));
    auto wanted = Pattern::compile(CO_TRY(context.string_or("pattern", ".*")));
    if (!wanted) co_return fail(std::move(wanted).error().at(context.where("pattern")));
    auto& disk = context.world().disk;
    auto names = co_await disk.list(dir);
    if (!names) co_return fail(std::move(names).error().at(context.where("dir")));
    bool hidden = CO_TRY(context.boolean_or("includeHiddenFiles", false));
    std::vector<std::string> out;
    for (const std::string& name : *names) {
      if (name.find('\n') != std::string::npos || (name.starts_with('.') && !hidden)) continue;
      if (!CO_TRY(wanted->matches(name))) continue;
      std::string path = CO_TRY(co_await confined(context, dir + "/" + name, context.where("dir")));
      if (auto info = co_await disk.info(path); info && !info->is_directory) out.push_back(path);
    }
    int64_t expected = CO_TRY(context.integer_or("fileCount", -1));
    if (expected >= 0 && expected != static_cast<int64_t>(out.size()))
      co_return fail(Code::conflict,
                     fmt::format("{} files match, {} are wanted", out.size(), expected),
                     context.where("fileCount"));
    co_return out;
  }
};

model::AttributeSchema transfer_count() {
  auto out = attribute("transferCount", Type::integer, "how many are copied");
  out.published = true;
  return out;
}

}  // namespace

engine::ComponentType scp_operation_type() {
  auto list = [](const char* name, const char* doc) {
    return with_default(name, Type::vector, model::Vector{}, doc);
  };
  auto type = ssh_type(
      "ScpOperation", "Copies files from another machine, or to it.",
      {list("localFiles", "of the work folder"), list("remoteFiles", "their counterparts there"),
       with_default("transferType", Type::string, "GET", "\"GET\": from there; \"PUT\": to there"),
       with_default("get_files", Type::string, "GET", "a constant for transferType"),
       with_default("put_files", Type::string, "PUT", "a constant for transferType"),
       transfer_count()},
      [] { return std::make_unique<ScpOperation>(); });
  type.aliases = {"org.smartfrog.services.ssh.ScpComponentImpl"};
  return type;
}

engine::ComponentType scp_bulk_upload_type() {
  auto type = ssh_type(
      "ScpBulkUpload", "Copies the files of `dir` that `pattern` matches to another machine.",
      {required("dir", Type::any, "the folder"),
       with_default("pattern", Type::string, ".*", "regular expression"),
       required("remoteDir", Type::string, "the folder there"),
       with_default("includeHiddenFiles", Type::boolean, false, "those with a dot in front, too"),
       attribute("caseSensitive", Type::boolean, "kept for old descriptions"),
       with_default("fileCount", Type::integer, int32_t{-1},
                    "how many there must be; negative: any number"),
       transfer_count()},
      [] { return std::make_unique<ScpBulkUpload>(); });
  type.aliases = {"org.smartfrog.services.ssh.ScpBulkUploadImpl"};
  return type;
}

}  // namespace croft::components
