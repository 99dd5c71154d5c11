// How model values are kept and travel: JSON without loss (width of numbers, order, tags, places,
// links, lazy calls), and a second, lossy form for people's eyes. Pure.
// Lossless form: null, booleans, text, `int` and vectors are themselves; everything else is an
// object with one member that starts with '$': $long, $float, $double, $decimal, $bytes, $text (not
// UTF-8), $ref, $call, $tbd, $component, $sealed.
#pragma once
#include <string>

#include "base/secret.h"
#include "model/component.h"
#include "model/record.h"
#include "wire/json.h"

namespace croft::protocol {

/// Turns what must not be read into text that may be kept, and back. trust/ has the real one.
class SecretSealer {
 public:
  virtual ~SecretSealer() = default;
  virtual Result<std::string> seal(const Secret& plain) const = 0;
  virtual Result<Secret> open(std::string_view sealed) const = 0;
};

/// Limits for wire::json::parse of packed models: deep trees nest several levels a component.
inline constexpr wire::json::Limits packed_limits{Bytes::mib(64), 2048};
/// Levels of values: a component in another counts for two. All of model::deployed_levels_max fits.
inline constexpr int depth_max = 512;

/// {"format":1, "texts":[...], "value":...}. Source texts (for carets) and values of secret
/// attributes go through `sealer`; without one the texts are left out (places keep file, line and
/// column) and secrets are replaced by a mark that unpack refuses.
Result<wire::json::Object> pack(const model::Value& value, const SecretSealer* sealer);
Result<wire::json::Object> pack(const model::ComponentPtr& component, const SecretSealer* sealer);
/// Adds "file", "digest" and "config": the path of the deployed tree from the root.
Result<wire::json::Object> pack(const model::Description& description, const SecretSealer* sealer);

/// Code::corrupt with the JSON path of what is wrong; Code::unsupported for a later format.
Result<model::Value> unpack_value(const wire::json::Object& packed, const SecretSealer* sealer);
Result<model::ComponentPtr> unpack_component(const wire::json::Object& packed,
                                             const SecretSealer* sealer);
Result<model::Description> unpack_description(const wire::json::Object& packed,
                                              const SecretSealer* sealer);

/// For status and pages: plain JSON, components as objects by name, references as their text, bytes
/// in base64, secrets as "***". `levels`: deeper components become {}.
wire::json::Value display(const model::Value& value, int levels = depth_max);
wire::json::Object display(const model::Component& component, int levels = depth_max);

wire::json::Object to_json(const model::TerminationRecord& record);
Result<model::TerminationRecord> record_from_json(const wire::json::Object& object);

/// {"code","what","where","hints","facts","trace","others"}; absent where empty.
wire::json::Object to_json(const Error& error);
/// Never fails: what cannot be read becomes an Error that says so.
Error error_from_json(const wire::json::Object& object);

/// "2008-04-07T10:00:00.000Z"; what is finer than a millisecond is lost.
std::string time_text(WallTime time);
Result<WallTime> time_from_text(std::string_view text);

}  // namespace croft::protocol
