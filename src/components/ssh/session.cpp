#include "components/ssh/session.h"

#include <fmt/format.h>

#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/passwords/passwords.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr uint32_t open_to_others = 0077;
constexpr const char* asker =
    "#!/bin/sh\n"
    "# Answers the question of ssh for a password or a passphrase.\n"
    "exec cat \"$CROFT_SSH_SECRET\"\n";

/// Words that are operands must not be read as options, by no program on the way.
Result<> plain_word(const Context& context, std::string_view name, const std::string& word) {
  bool odd = word.empty() || word.starts_with('-') ||
             word.find_first_of(" \t\r\n\"'\\`$;|&<>") != std::string::npos;
  if (!odd) return {};
  return fail(Code::invalid_argument,
              word.empty() ? fmt::format("{} is empty", name)
                           : fmt::format("'{}' cannot be a {}", printable(word), name),
              context.where(name));
}

std::string private_folder(const Context& context) {
  std::string name = context.path();
  for (char& c : name)
    if (c == ':' || c == '/') c = '_';
  return fmt::format("{}/.ssh-{}", context.work_folder(), name);
}

/// The private key: a file of the work folder that nobody else reads, or a secret put into one.
aio::Task<Result<std::string>> key_file(Context& context, std::string folder) {
  if (CO_TRY(context.value_if("key"))) {
    Secret key = CO_TRY(co_await secret_of(context, "key"));
    std::string text = key.reveal();
    if (!text.ends_with('\n')) text += '\n';
    CO_TRY(co_await context.world().disk.write_file(folder + "/key", std::move(text), 0600));
    co_return folder + "/key";
  }
  if (!CO_TRY(context.value_if("keyFile"))) co_return std::string();
  std::string path = CO_TRY(co_await file_path(context, "keyFile"));
  auto info = co_await context.world().disk.info(path);
  if (!info) co_return fail(std::move(info).error().at(context.where("keyFile")));
  if (info->mode & open_to_others)
    co_return fail(Error(Code::permission_denied, fmt::format("others may read the key {}", path),
                         context.where("keyFile"))
                       .hint("chmod 600 " + path));
  co_return path;
}

aio::Task<Result<std::vector<std::string>>> trust_options(Context& context) {
  auto option = [](std::string text) { return std::vector<std::string>{"-o", std::move(text)}; };
  std::vector<std::string> out;
  auto add = [&](std::string text) {
    for (auto& each : option(std::move(text))) out.push_back(std::move(each));
  };
  if (CO_TRY(context.boolean_or("trustAllCertificates", false))) {
    add("StrictHostKeyChecking=no");
    add("UserKnownHostsFile=/dev/null");
  } else if (CO_TRY(context.value_if("knownHostsFile"))) {
    add("StrictHostKeyChecking=yes");
    add("UserKnownHostsFile=" + CO_TRY(co_await file_path(context, "knownHostsFile")));
  } else {
    // The first key of a host is believed and kept; another one later is refused.
    add("StrictHostKeyChecking=accept-new");
    add(fmt::format("UserKnownHostsFile={}/known_hosts", context.work_folder()));
  }
  co_return out;
}

struct Prepared {
  std::vector<std::string> options, environment;
};

/// What the program is told about the login; secrets are written below `folder`.
aio::Task<Result<Prepared>> prepare(Context& context, std::string folder) {
  Prepared out;
  auto& disk = context.world().disk;
  CO_TRY(co_await disk.make_dirs(folder, 0700));
  auto add = [&](std::string text) {
    out.options.emplace_back("-o");
    out.options.push_back(std::move(text));
  };
  for (auto& each : CO_TRY(co_await trust_options(context))) out.options.push_back(std::move(each));
  auto connect = CO_TRY(context.duration_or("connectTimeout", "ms", Duration::seconds(30)));
  if (connect > Duration{} && connect < Duration::forever())
    add(fmt::format("ConnectTimeout={}", std::max<int64_t>(1, connect.ms() / 1000)));
  std::string key = CO_TRY(co_await key_file(context, folder));
  if (!key.empty()) {
    add("IdentitiesOnly=yes");
    out.options.emplace_back("-i");
    out.options.push_back(std::move(key));
  }
  Secret secret;
  if (CO_TRY(context.value_if("passwordProvider")))
    secret = CO_TRY(co_await secret_of(context, "passwordProvider"));
  if (!secret.reveal().empty()) {
    CO_TRY(co_await disk.write_file(folder + "/secret", secret.reveal() + "\n", 0600));
    CO_TRY(co_await disk.write_file(folder + "/ask", asker, 0700));
    out.environment = {"SSH_ASKPASS=" + folder + "/ask", "SSH_ASKPASS_REQUIRE=force",
                       "DISPLAY=none", "CROFT_SSH_SECRET=" + folder + "/secret"};
    add("NumberOfPasswordPrompts=1");
  } else {
    add("BatchMode=yes");
  }
  co_return out;
}

}  // namespace

Result<SshLogin> ssh_login(Context& context) {
  return ssh_login_at(context, TRY(context.string("host")));
}

Result<SshLogin> ssh_login_at(Context& context, std::string host) {
  SshLogin out;
  out.host = std::move(host);
  TRY(plain_word(context, "host", out.host));
  const char* name = TRY(context.value_if("username")) ? "username" : "user";
  out.user = TRY(context.string_or(name, ""));
  if (!out.user.empty()) TRY(plain_word(context, name, out.user));
  out.port = TRY(context.integer_or("port", 22));
  out.timeout = TRY(context.duration_or("timeout", "ms", Duration::seconds(60)));
  if (out.timeout <= Duration{}) out.timeout = Duration::forever();  // as the reference has it
  return out;
}

aio::Task<Result<aio::ExitStatus>> run_ssh(Context& context, SshCommand command) {
  SshLogin login = CO_TRY(ssh_login(context));
  co_return co_await run_ssh_at(context, std::move(login), std::move(command));
}

aio::Task<Result<aio::ExitStatus>> run_ssh_at(Context& context, SshLogin login,
                                              SshCommand command) {
  std::string folder = private_folder(context);
  auto prepared = co_await prepare(context, folder);
  Result<aio::ExitStatus> status = fail(Code::internal, "not run");
  if (prepared) {
    Program program;
    program.command = {CO_TRY(context.string_or(command.program + "Program", command.program)),
                       command.program == "scp" ? "-P" : "-p", fmt::format("{}", login.port)};
    for (auto* list : {&prepared->options, &command.options})
      for (auto& each : *list) program.command.push_back(std::move(each));
    program.command.emplace_back("--");
    for (auto& each : command.operands) program.command.push_back(std::move(each));
    program.environment = std::move(prepared->environment);
    program.input = std::move(command.input);
    auto run = run_program(context, std::move(program), output_file(context));
    status = login.timeout >= Duration::forever()
                 ? co_await std::move(run)
                 : co_await aio::deadline(context.world().clock, login.timeout, std::move(run),
                                          fmt::format("{} to {}", command.program, login.host));
  } else {
    status = fail(std::move(prepared).error());
  }
  auto gone = co_await aio::shield(context.world().disk.remove_tree(folder));
  if (status && !gone && gone.error().code != Code::not_found)
    co_return fail(std::move(gone).error().frame("removing the secrets of a login"));
  co_return status;
}

aio::Task<Result<>> SshSteps::deploy(Context& context) {
  CO_TRY(ssh_login(context));
  CO_TRY(co_await count(context));
  CO_TRY(may_run(context));
  for (const char* name : {"ssh", "scp"}) {
    std::string attribute = std::string(name) + "Program";
    CO_TRY(co_await must_exist(context, CO_TRY(context.string_or(attribute, name)),
                               context.where(attribute)));
  }
  context.publish("outputFile", model::Value(output_file(context)));
  co_return Result<>{};
}

aio::Task<Result<>> SshSteps::work(Context& context) {
  CO_TRY(co_await end_leftovers(context));
  size_t all = CO_TRY(co_await count(context));
  for (auto next = static_cast<size_t>(remembered(context, "done")); next < all; ++next) {
    context.waits(fmt::format("step {} of {}", next + 1, all));
    auto done = co_await step(context, next);
    if (!done && done.error().code == Code::cancelled) co_return done;
    if (!done) {
      context.end(TerminationRecord::abnormal(context.path(), done.error().line(),
                                              "its output: " + output_file(context)));
      co_return Result<>{};
    }
    context.remember("done", fmt::format("{}", next + 1));
  }
  context.waits("");
  co_return context.done(TerminationRecord::normal(context.path(), done_text(all)));
}

aio::Task<Result<>> SshSteps::terminate(Context& context, const TerminationRecord&) {
  CO_TRY(co_await end_leftovers(context));
  co_return co_await remove_if_there(context, Removal::tree, private_folder(context));
}

engine::ComponentType ssh_type(std::string name, std::string doc,
                               std::vector<model::AttributeSchema> more,
                               std::function<std::unique_ptr<engine::Component>()> make) {
  auto secret = [](const char* name, const char* doc) {
    auto out = attribute(name, Type::any, doc);
    out.secret = true;
    return out;
  };
  auto port = with_default("port", Type::integer, int32_t{22}, "where it listens");
  port.least = 1;
  port.most = 65535;
  auto output = attribute("outputFile", Type::string, "where the output of the programs goes");
  output.published = true;
  std::vector<model::AttributeSchema> attributes = {
      required("host", Type::string, "the machine"),
      attribute("username", Type::string, "who logs in"),
      attribute("user", Type::string, "the same"),
      attribute("authentication", Type::string, "kept for old descriptions: what is there is used"),
      secret("passwordProvider", "the password, or that of the key: a text, or what gives it"),
      secret("key", "the private key itself, or what gives it"),
      with_default("authenticate_password", Type::string, "password", "a constant"),
      with_default("authenticate_key", Type::string, "key", "a constant"),
      attribute("keyFile", Type::any, "the file of the private key; nobody else may read it"),
      attribute("knownHostsFile", Type::any, "keys of hosts; others are refused"),
      with_default("trustAllCertificates", Type::boolean, false, "believe any key of a host"),
      port,
      time_attribute("timeout", 60000, "one command or copy may take so long; 0: for ever"),
      time_attribute("connectTimeout", 30000, "connecting may"),
      with_default("sshProgram", Type::string, "ssh", "the program of that name"),
      with_default("scpProgram", Type::string, "scp", "the program of that name"),
      output};
  for (auto& each : more) attributes.push_back(std::move(each));
  return work_type(std::move(name), std::move(doc), std::move(attributes), std::move(make));
}

}  // namespace croft::components
