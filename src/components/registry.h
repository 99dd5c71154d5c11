// All component types of croft, each with its schema; the native classes that lib/*.sf builds on.
// sfClass values: croft.Prim, croft.Compound, croft.DoNothing, croft.RemoteResource,
// croft.S3Bucket, croft.S3File, croft.ImageInstance, croft.DataSource, croft.EmbeddedFarm,
// croft.Account.
#pragma once
#include "engine/component.h"

namespace croft::components {

engine::Registry make_registry();

/// The schemas of all types: for lang::check, `croft doc`, completion. Built once, read-only.
const model::SchemaSet& schemas();

// One function a type, in the file of its name.
engine::ComponentType prim_type();
engine::ComponentType compound_type();
engine::ComponentType do_nothing_type();
engine::ComponentType remote_resource_type();
engine::ComponentType s3_bucket_type();
engine::ComponentType s3_file_type();
engine::ComponentType image_instance_type();
engine::ComponentType data_source_type();
engine::ComponentType embedded_farm_type();
engine::ComponentType account_type();

// For schemas.
model::AttributeSchema attribute(std::string name, model::Type type, std::string doc);
model::AttributeSchema required(std::string name, model::Type type, std::string doc);
model::AttributeSchema with_default(std::string name, model::Type type, model::Value fallback,
                                    std::string doc);

}  // namespace croft::components
