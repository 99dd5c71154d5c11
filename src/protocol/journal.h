// Records of the journal: what croft was about to do outside, and what came of it. An intent is
// durable before its call, the result after it; an intent without a result is a call whose outcome
// is unknown and has to be looked up on the farm, by token or tag.
#pragma once
#include <string>
#include <vector>

#include "base/units.h"
#include "protocol/json_model.h"

namespace croft::protocol {

enum class JournalKind { intent, result };
enum class Outcome { done, failed, unknown };
std::string_view name_of(JournalKind kind);
std::string_view name_of(Outcome outcome);

/// Something that exists outside because of croft.
struct OutsideId {
  std::string kind;  ///< "instance", "bucket", "key pair", "object"
  std::string id;
  friend bool operator==(const OutsideId&, const OutsideId&) = default;
};

struct JournalRecord {
  uint64_t seq = 0;
  WallTime time;
  JournalKind kind = JournalKind::intent;
  std::string component;       ///< "app:web:server"
  std::string action;          ///< "RunInstances", "PUT bucket"
  std::string token;           ///< client token that makes the call repeatable
  uint64_t generation = 0;     ///< of the component: a new one means a new thing, a new token
  wire::json::Object request;  ///< summary, no secrets
  // Of a result:
  uint64_t intent = 0;  ///< seq of its intent
  Outcome outcome = Outcome::unknown;
  std::optional<Error> error;
  std::vector<OutsideId> ids;  ///< what was made or removed
};

wire::json::Object to_json(const JournalRecord& record);
Result<JournalRecord> journal_from_json(const wire::json::Object& object);
/// Compact JSON: the value kept in the store.
std::string text_of(const JournalRecord& record);
Result<JournalRecord> journal_from_text(std::string_view text);

/// Store keys that sort by sequence: "<prefix>00000000000000000042".
std::string sequence_key(std::string_view prefix, uint64_t seq);

}  // namespace croft::protocol
