// The files ~/.aws/credentials and ~/.aws/config: sections of name = value lines. Pure.
// Source: "Configuration and credential file settings in the AWS CLI".
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace croft::cloud {

/// Section -> name -> value. Names in lower case; "[profile work]" is the section "work". A nested
/// block (indented lines under an empty value) is skipped.
using Profiles = std::map<std::string, std::map<std::string, std::string>>;

/// Code::syntax with file:line.
Result<Profiles> parse_profiles(std::string_view text, const std::string& file);

}  // namespace croft::cloud
