#include "cli/source.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "base/units.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cloud/credentials.h"
#include "cloud/endpoint.h"
#include "cloud/s3.h"
#include "lang/lang.h"

namespace croft::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view s3_scheme = "s3://";
constexpr Duration s3_deadline = Duration::seconds(60);

/// `<(command)` of a shell and /dev/stdin are pipes that somebody fills; others may never end.
bool filled_by_shell(const std::string& path) {
  return path == "/dev/stdin" || path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/");
}

/// `named`: on the command line, so that a pipe can be meant.
Result<std::string> read_file(const std::string& path, bool named) {
  constexpr size_t most = lang::Limits{}.file_bytes;
  std::error_code problem;
  auto status = fs::status(path, problem);
  if (!fs::exists(status)) return fail(Code::not_found, "no such file: " + path);
  if (fs::is_directory(status))
    return fail(Code::invalid_argument, path + " is a folder, not a file");
  bool pipe = fs::is_fifo(status) || fs::is_character_file(status);
  if (!fs::is_regular_file(status) && !(pipe && named && filled_by_shell(path)))
    return fail(Error(Code::invalid_argument, path + " is no regular file: it may never end")
                    .hint("write what it gives into a file first"));
  std::ifstream in(path, std::ios::binary);
  std::string text;
  // What the file says of its size is a guess (pipes have none), so reading goes on to the end.
  size_t guess = fs::is_regular_file(status) ? fs::file_size(path, problem) : 0;
  if (problem) guess = 0;
  constexpr size_t least = 64 << 10;
  while (in.good()) {
    size_t have = text.size();
    if (have > most)
      return fail(Code::resource_exhausted,
                  fmt::format("{} is larger than {}", path, Bytes(most).text()));
    size_t wanted = std::max(least, have < guess ? guess - have + 1 : have);
    text.resize(have + wanted);
    in.read(text.data() + have, static_cast<std::streamsize>(wanted));
    text.resize(have + static_cast<size_t>(in.gcount()));
  }
  if (!in.eof()) return fail(Code::io, "cannot read " + path + ": " + std::strerror(errno));
  return text;
}

struct S3Name {
  std::string bucket;
  std::string key;
};

Result<S3Name> parse_s3(const std::string& url) {
  auto parts = cut(std::string_view(url).substr(s3_scheme.size()), '/');
  if (!parts || parts->first.empty() || parts->second.empty())
    return fail(Error(Code::invalid_argument, fmt::format("'{}' names no object", printable(url)))
                    .hint("an object is written s3://BUCKET/KEY"));
  return S3Name{std::string(parts->first), std::string(parts->second)};
}

aio::Task<Result<std::string>> fetch(aio::World& world, std::string home, std::string farm_flag,
                                     std::string url) {
  auto name = CO_TRY(parse_s3(url));
  auto environment = cloud::process_environment();
  cloud::CredentialsSearch search;
  search.environment = environment;
  auto credentials = CO_TRY(co_await cloud::find_credentials(world, std::move(search)));
  std::string region = cloud::region_of(environment, credentials);
  if (farm_flag.empty()) farm_flag = environment("CROFT_FARM").value_or("");
  auto farm = CO_TRY(cloud::choose_farm(farm_flag, environment, region));
  if (farm.kind == cloud::FarmKind::embedded) {
    auto running = CO_TRY(co_await running_farm(world, home));
    farm = CO_TRY(cloud::farm_at(running.url, region, cloud::FarmKind::embedded));
  }
  auto endpoint = CO_TRY(farm.endpoint(cloud::Service::s3));
  net::HttpClient http(world);
  net::Retrier retrier(world, net::RetryLimits{});
  cloud::S3 s3({world, http, retrier}, endpoint, credentials);
  cloud::GetObject request;
  request.bucket = name.bucket;
  request.key = name.key;
  request.limit = Bytes::mib(256);
  auto object = CO_TRY(
      co_await aio::deadline(world.clock, s3_deadline, s3.get_object(request), "reading " + url));
  co_return std::move(object.body);
}

/// On a thread of its own: the caller may stand in the loop of another World.
Result<std::string> read_s3(const std::string& home, const std::string& farm,
                            const std::string& url) {
  Result<std::string> out = fail(Code::internal, "not read");
  std::thread reader([&] {
    auto real = aio::RealWorld::open();
    if (!real)
      out = fail(std::move(real).error());
    else
      out = (*real)->run(fetch((*real)->world(), home, farm, url));
  });
  reader.join();
  if (!out) out.error().frame("reading " + url);
  return out;
}

}  // namespace

Result<std::string> main_file(const std::string& argument) {
  std::error_code problem;
  if (!fs::is_directory(argument, problem)) return argument;
  fs::path folder(argument);
  std::string own = fs::weakly_canonical(folder, problem).filename().string() + ".sf";
  for (const std::string& name : {std::string("main.sf"), own})
    if (fs::is_regular_file(folder / name, problem)) return (folder / name).string();
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder, problem))
    if (entry.path().extension() == ".sf") found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return (folder / found[0]).string();
  Error error(
      Code::not_found,
      fmt::format("the folder {} has no main.sf, no {} and {}", argument, own,
                  found.empty() ? "no other description" : "more than one other description"));
  if (!found.empty()) error.hint("name one of them: " + join(found, ", "));
  return fail(std::move(error));
}

lang::FileReader file_reader(const Invocation& invocation) {
  auto opened = std::make_shared<bool>(false);
  auto named = invocation.positionals;
  for (const std::string& file : invocation.values("--values")) named.push_back(file);
  return [home = invocation.home, farm = invocation.value("--farm").value_or(""), opened,
          named = std::move(named)](const std::string& path) -> Result<std::string> {
    if (!std::string_view(path).starts_with(s3_scheme))
      return read_file(path, std::ranges::find(named, path) != named.end());
    auto text = read_s3(home, farm, path);
    // Who may read objects but not list them is told 403 where there is none: while included files
    // are looked for, that is no reason to stop.
    if (!text && *opened && text.error().code == Code::permission_denied)
      text.error().code = Code::not_found;
    *opened = *opened || text.has_value();
    return text;
  };
}

std::vector<std::string> descriptions_below(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  std::error_code problem, unknown;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                         problem);
  for (const fs::recursive_directory_iterator end; entry != end; entry.increment(problem))
    if (entry->is_regular_file(unknown) && entry->path().extension() == ".sf")
      out.push_back(entry->path().string());
  std::ranges::sort(out);
  return out;
}

}  // namespace croft::cli
