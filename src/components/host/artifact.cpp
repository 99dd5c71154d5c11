// Artifact: something that a host fetches itself, checks, and unpacks.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/bounds.h"
#include "components/host/host_component.h"
#include "components/passwords/passwords.h"

namespace croft::components {

using engine::Context;
using engine::Host;
using model::FetchWork;
using model::Type;
using model::WorkState;

namespace {

constexpr std::string_view s3_scheme = "s3://";
constexpr size_t digest_size = 64;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Bucket and key of s3://BUCKET/KEY.
Result<std::pair<std::string, std::string>> object_of(const Fields& fields, std::string_view url) {
  auto split = cut(url.substr(s3_scheme.size()), '/');
  if (split && !split->first.empty() && !split->second.empty())
    return std::pair{std::string(split->first), std::string(split->second)};
  return fail(Error(Code::invalid_argument, fmt::format("'{}' names no object", printable(url)),
                    fields.where("url"))
                  .hint("write s3://BUCKET/KEY"));
}

class Artifact : public HostComponent {
 protected:
  Result<What> describe(Context& context) override {
    Fields fields(context);
    FetchWork out;
    out.url = TRY(fields.needed("url"));
    if (out.url.starts_with(s3_scheme))
      TRY(object_of(fields, out.url));
    else if (!out.url.starts_with("http://") && !out.url.starts_with("https://"))
      return fail(Error(Code::invalid_argument,
                        fmt::format("'{}' cannot be fetched", printable(out.url)),
                        fields.where("url"))
                      .hint("http://, https:// and s3://BUCKET/KEY can be"));
    out.sha256 = to_lower(TRY(fields.string("sha256")));
    if (!out.sha256.empty() && (out.sha256.size() != digest_size || !is_hex(out.sha256)))
      return fail(Code::invalid_argument, "sha256 is no digest: 64 hexadecimal digits are needed",
                  fields.where("sha256"));
    out.path = TRY(fields.needed("destination"));
    if (!out.path.starts_with('/'))
      return fail(Code::invalid_argument,
                  fmt::format("'{}' is no absolute path", printable(out.path)),
                  fields.where("destination"));
    out.unpack = TRY(fields.boolean("unpack", false));
    out.strip = static_cast<int>(TRY(fields.integer("strip", 0, 0, 100)));
    out.mode = TRY(fields.mode("mode", out.unpack ? 0755 : 0644));
    out.owner = TRY(fields.string("owner"));
    out.group = TRY(fields.string("group"));
    out.most = TRY(fields.bytes("maxSize", out.most));
    out.within = TRY(fields.duration("within", out.within));
    return What(std::move(out));
  }
  /// An object is reached by an address that is signed for this one time.
  aio::Task<Result<>> complete(Context& context, What& what) override {
    auto& fetch = std::get<FetchWork>(what);
    if (!fetch.url.starts_with(s3_scheme)) co_return Result<>{};
    auto [bucket, key] = CO_TRY(object_of(Fields(context), fetch.url));
    auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
    auto s3 = CO_TRY(co_await context.s3(keys.access_key, keys.secret_key));
    Duration valid = std::max(fetch.within, Duration::minutes(1)) + Duration::minutes(15);
    fetch.url = CO_TRY(s3.presign("GET", bucket, key, std::min(valid, Duration::hours(24 * 7))));
    co_return Result<>{};
  }
  bool is_fleeting(Context& context) const override {
    auto url = context.string("url");
    return url && url->starts_with(s3_scheme);
  }
  void is_ready(Context& context, const Host&, const WorkState&) override {
    auto what = describe(context);
    if (!what) return;
    const auto& fetch = std::get<FetchWork>(*what);
    publish_once(context, "absolutePath", fetch.path);
    publish_once(context, "digest", fingerprint());
  }
};

}  // namespace

engine::ComponentType artifact_type() {
  auto key = attribute("key", Type::any, "the secret key, for s3://; else the usual sources");
  key.secret = true;
  auto type = host_type_of(
      "Artifact", "Something that a host fetches, checks, and unpacks.",
      {required("url", Type::string, "http://, https://, or s3://BUCKET/KEY"),
       attribute("sha256", Type::string, "its digest: anything else is refused"),
       required("destination", Type::string, "the file, or with `unpack` the folder, on the host"),
       with_default("unpack", Type::boolean, false, "a tar or zip archive: its files"),
       between(0, 100,
               with_default("strip", Type::integer, int32_t{0},
                            "leading folders of its names to drop")),
       attribute("mode", Type::any, "who may do what; else \"0644\", \"0755\" with `unpack`"),
       attribute("owner", Type::string, "whose it is; else the agent's user's"),
       attribute("group", Type::string, "its group"),
       with_default("maxSize", Type::bytes, "4GiB", "a larger one is refused"),
       seconds("within", "15min", "it has to be there within this time"),
       attribute("id", Type::string, "the access key, for s3://; else the usual sources"), key,
       published("absolutePath", "where it is"),
       published("digest", "another one where it is another")},
      [] { return std::make_unique<Artifact>(); });
  return type;
}

}  // namespace croft::components
