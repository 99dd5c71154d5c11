// croft lsp: the language server on standard input and output.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/description.h"
#include "cli/verbs.h"
#include "components/registry.h"
#include "lang/lsp/server.h"

namespace croft::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t read_size = 64 << 10;
constexpr size_t descriptions_max = 5000;
constexpr size_t folder_entries_max = 1000;
constexpr int folder_depth_max = 12;

std::string cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return std::string(cache) + "/croft";
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::string(home) + "/.cache/croft" : "";
}

/// Writes a library file into the user's cache, read-only: every editor can open it there.
std::string library_on_disk(const std::string& path) {
  std::string folder = cache_folder();
  auto text = lang::library_file(path);
  if (folder.empty() || !text) return "";
  std::string file = folder + "/library-" CROFT_VERSION "/" + path;
  {
    std::ifstream in(file, std::ios::binary);
    std::string there((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (in.is_open() && there == *text) return file;
  }
  std::error_code problem;
  fs::create_directories(fs::path(file).parent_path(), problem);
  std::string fresh = file + "." + std::to_string(getpid());
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << *text;
    if (!out.flush()) return "";
  }
  chmod(fresh.c_str(), 0444);
  fs::rename(fresh, file, problem);
  return problem ? "" : file;
}

bool skipped_folder(const fs::path& path) {
  std::string name = path.filename().string();
  return name.starts_with('.') || name == "node_modules" || name == "build";
}

std::vector<std::string> descriptions_below(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code problem;
  auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(folder, options, problem), end;
       !problem && at != end && out.size() < descriptions_max; at.increment(problem)) {
    if (at->is_directory(problem) && (skipped_folder(at->path()) || at.depth() >= folder_depth_max))
      at.disable_recursion_pending();
    else if (at->path().extension() == ".sf" && at->is_regular_file(problem))
      out.push_back(at->path().string());
  }
  return out;
}

/// Descriptions and folders directly in a folder, folders with a '/'.
std::vector<std::string> list_folder(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem), end;
       !problem && at != end && out.size() < folder_entries_max; at.increment(problem)) {
    bool inside = at->is_directory(problem);
    if (inside && !skipped_folder(at->path())) out.push_back(at->path().filename().string() + "/");
    if (!inside && at->path().extension() == ".sf") out.push_back(at->path().filename().string());
  }
  return out;
}

bool write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Reads what is there; 0 at the end of input, -1 when nothing came in time.
ssize_t read_some(std::string& buffer, int timeout_ms) {
  pollfd wait{STDIN_FILENO, POLLIN, 0};
  int ready = poll(&wait, 1, timeout_ms);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return -1;
  buffer.resize(read_size);
  ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return -1;
  return std::max<ssize_t>(got, 0);
}

int run_lsp(Invocation& invocation) {
  lang::lsp::ServerOptions options;
  options.language = language_options(invocation);
  options.language.digest = false;
  options.language.ask = nullptr;  // standard input is the protocol's
  options.schemas = &components::schemas();
  options.version = CROFT_VERSION;
  options.library_on_disk = library_on_disk;
  options.descriptions_below = descriptions_below;
  options.list_folder = list_folder;
  lang::lsp::Server server(std::move(options));
  std::string buffer, out;
  while (!server.exit_code()) {
    ssize_t got = read_some(buffer, server.has_work() ? server.patience_ms() : -1);
    if (got == 0) break;
    if (got > 0) {
      server.feed({buffer.data(), static_cast<size_t>(got)}, out);
    } else if (server.has_work()) {
      int64_t start = now_ms();
      server.work(out);
      server.last_work_took_ms(now_ms() - start);
    }
    if (!out.empty() && !write_all(out)) return exit_code::failed;
    out.clear();
  }
  return server.exit_code().value_or(exit_code::failed);
}

}  // namespace

Command lsp_command() {
  return {.path = "lsp",
          .summary = "serve editors: the Language Server Protocol on stdin and stdout",
          .details =
              "Diagnostics as you type, hover, completion, definition, references, rename, "
              "outline, formatting.\n"
              "Editors start it by themselves; editors/README.md says how to set them up. "
              "The messages are JSON with or without --json.",
          .example = "croft lsp -I library",
          .options = description_options(),
          .run = run_lsp};
}

}  // namespace croft::cli
