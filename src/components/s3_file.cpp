// S3File: an object in a bucket, put, checked, got or deleted by HTTP actions. An object that its
// PUT made new and its terminateActions delete is rented; others are the user's.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/registry.h"
#include "components/remote_resource.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr const char* others_fact = "others";  // ids of uploads to that key that are not ours
constexpr uint64_t in_one_piece = 16u << 20;   // larger files go up in parts

/// A file of this machine as a body, read as it is sent.
class FileBody : public net::BodySource {
 public:
  FileBody(std::unique_ptr<aio::File> file, uint64_t size) : file_(std::move(file)), size_(size) {}
  uint64_t size() const override { return size_; }
  aio::Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    return file_->read_at(offset, into);
  }

 private:
  std::unique_ptr<aio::File> file_;
  uint64_t size_;
};

/// The file of the data source where it is too large for one request; else null.
aio::Task<Result<std::shared_ptr<net::BodySource>>> large_file(Context& context) {
  std::shared_ptr<net::BodySource> out;
  auto source = CO_TRY(context.component_or_null("datasource"));
  auto name = source ? source->string("filename") : std::nullopt;
  if (!name || source->string("text")) co_return out;
  std::string path = CO_TRY(co_await confined(context, *name, context.where("datasource")));
  auto file = co_await context.world().disk.open(path, aio::OpenMode::read);
  if (!file) co_return out;  // the usual way says what is wrong
  uint64_t size = CO_TRY(co_await (*file)->size());
  if (size > in_one_piece) out = std::make_shared<FileBody>(*std::move(file), size);
  co_return out;
}

class S3File : public RemoteResource {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    bool whole = !CO_TRY(context.string_or("url", "")).empty();
    for (const char* name : {"bucket", "name"})
      if (auto text = context.string(name); text && text->empty() && !whole)
        co_return unnamed(context, name);
    co_return co_await RemoteResource::deploy(context);
  }

 protected:
  aio::Task<Result<>> start_action(Context& context, HttpAction action) override {
    // Without a key the bucket itself would be meant.
    if (CO_TRY(bucket_and_key(context)).second.empty()) co_return unnamed(context, "name");
    CO_TRY(co_await act_journaled_or_plain(context, action));
    auto actions = CO_TRY(actions_of(context, "terminateActions"));
    bool temporary =
        std::ranges::any_of(actions, [](const HttpAction& end) { return end.verb == "DELETE"; });
    if (action.verb != "PUT" || !temporary) co_return Result<>{};
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    co_return co_await context.settle({context.rented("object", bucket + "/" + key)});
  }
  aio::Task<Result<>> end_action(Context& context, HttpAction action) override {
    if (!context.ran_before() && !context.record().memory.contains("acted")) co_return Result<>{};
    CO_TRY(co_await act_journaled_or_plain(context, action));
    if (action.verb != "DELETE") co_return Result<>{};
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    co_return co_await context.settle({}, {bucket + "/" + key});
  }
  aio::Task<Result<>> finish_intent(Context& context) override {
    CO_TRY(co_await take_away_parts(context));
    // A PUT or DELETE of an object can be repeated: it is done again where it is wanted.
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    bool put = context.record().intent->action.starts_with("PUT");
    auto actions = CO_TRY(actions_of(context, "terminateActions"));
    bool temporary =
        std::ranges::any_of(actions, [](const HttpAction& end) { return end.verb == "DELETE"; });
    if (!put || !temporary) co_return co_await context.settle({});
    co_return co_await context.settle({context.rented("object", bucket + "/" + key)});
  }

 private:
  static std::unexpected<Error> unnamed(const Context& context, std::string_view name) {
    return fail(Code::invalid_argument,
                fmt::format("{} is empty: an object has a bucket and a name", name),
                context.where(name));
  }
  aio::Task<Result<>> act_journaled_or_plain(Context& context, HttpAction action) {
    if (action.verb == "GET" || action.verb == "HEAD" || action.verb == "OPTIONS")
      co_return co_await act(context, std::move(action));
    if (action.verb == "PUT")
      if (auto body = CO_TRY(co_await large_file(context))) co_return co_await put(context, body);
    co_return co_await act_journaled(context, std::move(action));
  }

  /// In parts, each with its checksum in the signature; a failure leaves no parts behind, and those
  /// of a controller that died are taken away by the next.
  aio::Task<Result<>> put(Context& context, std::shared_ptr<net::BodySource> body) {
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    auto headers = CO_TRY(headers_of(context));
    if (auto source = CO_TRY(context.component_or_null("datasource")))
      if (auto type = source->string("contentType")) headers.emplace_back("Content-Type", *type);
    auto client = CO_TRY(co_await s3(context));
    auto others = CO_TRY(co_await client.uploads_to(bucket, key));
    std::string what = fmt::format("PUT {}/{}", bucket, key);
    context.remember("acted", "yes");
    CO_TRY(co_await context.intend(
        what, {{"bytes", fmt::format("{}", body->size())}, {others_fact, join(others, " ")}}));
    auto etag =
        co_await context.outside(what, client.upload(bucket, key, body, std::move(headers)));
    if (!etag) {
      if (!outcome_unknown(etag.error())) CO_TRY(co_await context.settle({}, {}, etag.error()));
      co_return fail(std::move(etag).error().frame(what));
    }
    co_return co_await context.settle({});
  }

  /// Of an upload that an earlier process had under way: whatever goes to that key and did not
  /// when its intent was written.
  aio::Task<Result<>> take_away_parts(Context& context) {
    auto facts = context.record().intent->facts;
    auto others = facts.find(others_fact);
    if (others == facts.end()) co_return Result<>{};
    auto [bucket, key] = CO_TRY(bucket_and_key(context));
    auto client = CO_TRY(co_await s3(context));
    auto under_way = co_await client.uploads_to(bucket, key);
    if (!under_way && under_way.error().code == Code::not_found) co_return Result<>{};
    auto known = split(others->second, ' ');
    for (std::string& id : CO_TRY(std::move(under_way))) {
      if (std::ranges::find(known, id) != known.end()) continue;
      auto aborted = co_await context.outside("AbortMultipartUpload",
                                              client.abort_upload(bucket, key, std::move(id)));
      if (!aborted && aborted.error().code != Code::not_found) co_return aborted;
    }
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType s3_file_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  auto& schema = type.schema;
  schema.sf_class = "croft.S3File";
  schema.type = "S3File";
  schema.base = "croft.RemoteResource";
  schema.doc = "An object in a bucket.";
  schema.attributes = {
      required("bucket", Type::string, "the bucket that holds it"),
      required("name", Type::string, "its key"),
  };
  schema.rule = remote_resource_schema().rule;
  type.touches = [](const model::Component& component, plan::TypeFacts& facts) {
    auto bucket = component.string("bucket"), name = component.string("name");
    if (!bucket) return;
    facts.uses.push_back({"bucket", *bucket});
    if (!name) return;
    plan::Outside object{"object", *bucket + "/" + *name};
    facts.uses.push_back(object);
    if (starts_with_put(component)) facts.makes.push_back(std::move(object));
  };
  type.make = [] { return std::make_unique<S3File>(); };
  return type;
}

}  // namespace croft::components
