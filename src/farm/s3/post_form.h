// A browser's upload form: multipart/form-data decoded as it arrives (fields first, then the file),
// and the policy that its author signed. Pure. Limits: fields of max_form_bytes together, then the
// file as long as it likes. Source: "POST Object", RFC 7578.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "farm/s3/record.h"

namespace croft::farm::s3 {

inline constexpr size_t max_form_bytes = 64 << 10;
inline constexpr size_t max_post_policy_bytes = 20 << 10;

/// boundary=... of a Content-Type that is multipart/form-data; nullopt for another.
std::optional<std::string> form_boundary(std::string_view content_type);

class FormDecoder {
 public:
  explicit FormDecoder(std::string_view boundary);

  /// Takes the next bytes of the body; those of the file are appended to `into`. Code::syntax for
  /// what is no form. What stands behind the file is not looked at.
  Result<> feed(std::string_view data, std::string& into);
  bool file_started() const { return state_ == State::file || state_ == State::done; }
  bool file_ended() const { return state_ == State::done; }

  const Pairs& fields() const { return fields_; }  ///< in order; names as sent
  const std::string& file_name() const { return file_name_; }
  const std::string& file_type() const { return file_type_; }

 private:
  enum class State { before, head, field, file, done };
  Result<bool> step(std::string& into);
  Result<> read_head(std::string_view head);

  std::string delimiter_;  ///< "\r\n--boundary"
  std::string buffer_;
  size_t taken_ = 0;  ///< of heads and fields
  State state_ = State::before;
  std::string name_;
  Pairs fields_;
  std::string file_name_;
  std::string file_type_;
};

class PostPolicy {
 public:
  /// Of the base64 text in the field. InvalidPolicyDocument.
  static Result<PostPolicy> parse(std::string_view encoded);

  /// Do the fields keep to it, at `now`? AccessDenied with what failed. `bucket` counts as a field.
  Result<> check(const Pairs& fields, std::string_view bucket, WallTime now) const;
  /// EntityTooSmall, EntityTooLarge.
  Result<> check_size(uint64_t size) const;

 private:
  struct Condition {
    bool prefix = false;
    std::string field;  ///< lower case
    std::string value;
  };
  Result<> read_conditions(std::string_view text);

  WallTime expiration_;
  std::vector<Condition> conditions_;
  std::optional<uint64_t> least_, most_;
};

}  // namespace croft::farm::s3
