// DataSource: a body for uploads: text that stands in the description, or a file.
#include "components/data_source.h"

#include "components/filesystem/work_folder.h"
#include "components/registry.h"

namespace croft::components {

using model::Type;

aio::Task<Result<Body>> body_of(engine::Context& context, std::string name) {
  auto source = CO_TRY(context.component_or_null(name));
  Body body;
  if (!source) co_return body;
  body.content_type = source->string("contentType").value_or("");
  if (auto text = source->string("text")) {
    body.bytes = *text;
    if (body.content_type.empty()) body.content_type = "text/plain";
    co_return body;
  }
  auto file = source->string("filename");
  if (!file)
    co_return fail(Error(Code::type_mismatch, "the data source has neither `text` nor `filename`",
                         context.where(name))
                       .hint("extend TextDataSource or FileDataSource"));
  std::string path = CO_TRY(co_await confined(context, *file, context.where(name)));
  auto bytes = co_await context.world().disk.read_file(path, file_max);
  if (!bytes) {
    Error error = std::move(bytes).error();
    co_return fail(
        error.at(context.where(name)).frame("reading the data source of " + context.path()));
  }
  body.bytes = *std::move(bytes);
  if (body.content_type.empty()) body.content_type = "application/octet-stream";
  co_return body;
}

engine::ComponentType data_source_type() {
  engine::ComponentType type;
  auto& schema = type.schema;
  schema.sf_class = "croft.DataSource";
  schema.type = "DataSource";
  schema.base = "croft.Prim";
  schema.doc = "A body for uploads.";
  schema.attributes = {
      attribute("text", Type::string, "the body itself"),
      attribute("filename", Type::string, "file that holds it, below the work folder"),
      attribute("contentType", Type::string, "its MIME type"),
      attribute("timeToLive", Type::any, "kept for old descriptions"),
  };
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

}  // namespace croft::components
