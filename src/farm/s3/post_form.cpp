#include "farm/s3/post_form.h"

#include <fmt/format.h>

#include "base/text.h"
#include "farm/api/error.h"
#include "wire/json.h"

namespace croft::farm::s3 {
namespace {

namespace json = wire::json;

Error no_form(std::string what) {
  return Error(Code::syntax, std::move(what));
}

Error bad_policy(std::string why) {
  return aws_error("InvalidPolicyDocument", 400, "Invalid Policy: " + std::move(why));
}

/// name="..." of a Content-Disposition; browsers write %22 and backslashes for what they must.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  size_t at = 0;
  while ((at = header.find(';', at)) != std::string_view::npos) {
    std::string_view rest = trim(header.substr(++at));
    if (!equals_ignore_case(rest.substr(0, name.size()), name)) continue;
    rest = trim(rest.substr(std::min(name.size(), rest.size())));
    if (!rest.starts_with('=')) continue;
    rest = trim(rest.substr(1));
    if (!rest.starts_with('"')) return std::string(trim(rest.substr(0, rest.find(';'))));
    std::string out;
    for (size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
      bool escaped =
          rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\');
      if (escaped) ++i;
      out += rest[i];
    }
    return replace_all(out, "%22", "\"");
  }
  return {};
}

/// Fields that need no condition: the signature's own, and what the author marks as not his.
bool exempt(std::string_view name) {
  constexpr std::array own{"file", "policy", "signature", "awsaccesskeyid", "x-amz-signature"};
  return std::ranges::find(own, name) != own.end() || name.starts_with("x-ignore-");
}

Result<WallTime> expiration_of(std::string_view text) {
  auto time = WallTime::parse_iso8601(text);
  if (!time && text.ends_with('Z') && text.find('.') == std::string_view::npos)
    time = WallTime::parse_iso8601(fmt::format("{}.000Z", text.substr(0, text.size() - 1)));
  if (!time) return fail(bad_policy("Invalid 'expiration' value"));
  return *time;
}

Result<uint64_t> size_from(const json::Value& value) {
  std::optional<uint64_t> number;
  if (value.is_int64() && value.get_int64() >= 0)
    number = static_cast<uint64_t>(value.get_int64());
  else if (value.is_uint64())
    number = value.get_uint64();
  else if (value.is_string())
    number = parse_u64(value.get_string());
  if (!number) return fail(bad_policy("Invalid content-length-range"));
  return *number;
}

}  // namespace

std::optional<std::string> form_boundary(std::string_view content_type) {
  std::string_view kind = content_type.substr(0, content_type.find(';'));
  if (!equals_ignore_case(trim(kind), "multipart/form-data")) return {};
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 200) return {};
  return boundary;
}

// The first delimiter may stand at the very beginning, without the line end before it.
FormDecoder::FormDecoder(std::string_view boundary)
    : delimiter_(fmt::format("\r\n--{}", boundary)), buffer_("\r\n") {}

Result<> FormDecoder::read_head(std::string_view head) {
  std::string_view disposition, type;
  for (size_t at = 0; at < head.size();) {
    size_t end = std::min(head.find("\r\n", at), head.size());
    auto parts = cut(head.substr(at, end - at), ':');
    at = end + 2;
    if (!parts) continue;
    if (equals_ignore_case(trim(parts->first), "Content-Disposition")) disposition = parts->second;
    if (equals_ignore_case(trim(parts->first), "Content-Type")) type = trim(parts->second);
  }
  auto name = parameter(disposition, "name");
  if (!name) return fail(no_form("a part of the form has no name"));
  name_ = std::move(*name);
  if (equals_ignore_case(name_, "file")) {
    file_name_ = parameter(disposition, "filename").value_or("");
    file_type_ = std::string(type);
    state_ = State::file;
  } else {
    state_ = State::field;
  }
  return {};
}

/// One step on what is buffered; false: more bytes are needed.
Result<bool> FormDecoder::step(std::string& into) {
  size_t at = 0;
  switch (state_) {
    case State::before:
    case State::field: {
      at = buffer_.find(delimiter_);
      if (at == std::string::npos || buffer_.size() < at + delimiter_.size() + 2) return false;
      if (state_ == State::field) fields_.emplace_back(name_, buffer_.substr(0, at));
      std::string_view behind(buffer_.data() + at + delimiter_.size(), 2);
      if (behind == "--") return fail(no_form("the form has no file"));
      if (behind != "\r\n") return fail(no_form("a boundary of the form has no line end"));
      buffer_.erase(0, at + delimiter_.size() + 2);
      state_ = State::head;
      return true;
    }
    case State::head:
      at = buffer_.find("\r\n\r\n");
      if (at == std::string::npos) return false;
      TRY(read_head(std::string_view(buffer_).substr(0, at)));
      // Of the blank line its first half stays: an empty value's boundary begins with it.
      buffer_.erase(0, at + 4);
      if (buffer_.starts_with(delimiter_.substr(2))) buffer_.insert(0, "\r\n");
      return true;
    case State::file: {
      at = buffer_.find(delimiter_);
      if (at != std::string::npos) {
        into.append(buffer_, 0, at);
        buffer_.clear();
        state_ = State::done;
        return true;
      }
      // The end of what came may be the beginning of the boundary.
      size_t keep = std::min(buffer_.size(), delimiter_.size() - 1);
      into.append(buffer_, 0, buffer_.size() - keep);
      buffer_.erase(0, buffer_.size() - keep);
      return false;
    }
    case State::done:
      buffer_.clear();
      return false;
  }
  return false;
}

Result<> FormDecoder::feed(std::string_view data, std::string& into) {
  if (!file_started()) {
    taken_ += data.size();
    buffer_ += data;
  } else if (state_ == State::file) {
    buffer_ += data;
  }
  while (TRY(step(into))) {
  }
  if (!file_started() && buffer_.size() > max_form_bytes)
    return fail(no_form("a field of the form is too long"));
  if (!file_started() && taken_ > 16 * max_form_bytes)
    return fail(no_form("the form's fields are too long"));
  return {};
}

Result<> PostPolicy::read_conditions(std::string_view text) {
  auto object = json::parse_object(text, "policy");
  if (!object) return fail(bad_policy("Invalid JSON"));
  const json::Value* expiration = object->if_contains("expiration");
  if (!expiration || !expiration->is_string()) return fail(bad_policy("Policy missing expiration"));
  expiration_ = TRY(expiration_of(expiration->get_string()));
  const json::Value* conditions = object->if_contains("conditions");
  if (!conditions || !conditions->is_array()) return fail(bad_policy("Policy missing conditions"));
  if (conditions->get_array().empty()) return fail(bad_policy("Policy conditions are empty"));
  for (const json::Value& item : conditions->get_array()) {
    if (const json::Object* pairs = item.if_object()) {
      if (pairs->empty()) return fail(bad_policy("Invalid condition"));
      for (const auto& [name, value] : *pairs) {
        if (!value.is_string()) return fail(bad_policy("Invalid condition"));
        conditions_.push_back({false, to_lower(name), std::string(value.get_string())});
      }
      continue;
    }
    const json::Array* parts = item.if_array();
    if (!parts || parts->size() != 3 || !(*parts)[0].is_string())
      return fail(bad_policy("Invalid condition"));
    std::string op = to_lower(std::string_view(parts->front().get_string()));
    if (op == "content-length-range") {
      least_ = TRY(size_from((*parts)[1]));
      most_ = TRY(size_from((*parts)[2]));
      continue;
    }
    if ((op != "eq" && op != "starts-with") || !(*parts)[1].is_string() ||
        !(*parts)[2].is_string() || !(*parts)[1].get_string().starts_with("$"))
      return fail(bad_policy("Invalid condition"));
    conditions_.push_back({op == "starts-with",
                           to_lower(std::string_view((*parts)[1].get_string()).substr(1)),
                           std::string((*parts)[2].get_string())});
  }
  return {};
}

Result<PostPolicy> PostPolicy::parse(std::string_view encoded) {
  std::string packed;
  for (char c : encoded)
    if (c != '\r' && c != '\n' && c != ' ') packed += c;
  auto text = unbase64(packed);
  if (!text || text->size() > max_post_policy_bytes)
    return fail(bad_policy("Invalid base64, or too long"));
  PostPolicy out;
  TRY(out.read_conditions(*text));
  return out;
}

Result<> PostPolicy::check(const Pairs& fields, std::string_view bucket, WallTime now) const {
  auto denied = [](std::string why) {
    return fail(aws_error("AccessDenied", 403, "Invalid according to Policy: " + std::move(why)));
  };
  if (now > expiration_) return denied("Policy expired.");
  auto value_of = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "bucket") return std::string(bucket);
    for (const auto& [field, value] : fields)
      if (to_lower(field) == name) return value;
    return {};
  };
  for (const Condition& condition : conditions_) {
    std::string value = value_of(condition.field).value_or("");
    bool holds = condition.prefix ? value.starts_with(condition.value) : value == condition.value;
    if (!holds)
      return denied(fmt::format("Policy Condition failed: [\"{}\", \"${}\", \"{}\"]",
                                condition.prefix ? "starts-with" : "eq", printable(condition.field),
                                printable(condition.value)));
  }
  for (const auto& [field, value] : fields) {
    std::string name = to_lower(field);
    bool covered = exempt(name) || std::ranges::any_of(conditions_, [&](const Condition& one) {
                     return one.field == name;
                   });
    if (!covered) return denied(fmt::format("Extra input fields: {}", printable(name)));
  }
  return {};
}

Result<> PostPolicy::check_size(uint64_t size) const {
  if (least_ && size < *least_)
    return fail(aws_error("EntityTooSmall", 400,
                          "Your proposed upload is smaller than the minimum allowed size")
                    .fact("xml:ProposedSize", std::to_string(size))
                    .fact("xml:MinSizeAllowed", std::to_string(*least_)));
  if (most_ && size > *most_)
    return fail(
        aws_error("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
            .fact("xml:ProposedSize", std::to_string(size))
            .fact("xml:MaxSizeAllowed", std::to_string(*most_)));
  return {};
}

}  // namespace croft::farm::s3
