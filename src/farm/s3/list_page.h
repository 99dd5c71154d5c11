// What the listings share: how names are encoded, where a prefix ends, who an account is. Pure.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {

inline constexpr int64_t max_list_page = 1000;

/// encoding-type of a listing.
struct Encoding {
  bool url = false;
  std::string operator()(std::string_view text) const;
};
/// InvalidArgument for another type than "url".
Result<Encoding> encoding_of(const S3Request& request);

/// The first text that does not start with `prefix` any more; empty: there is none.
std::string after_prefix(std::string prefix);

/// How many records to read at once in a list that skips: one after a group, whose rest nobody
/// wants to see, and ever more while nothing is skipped. So at most two are read for each one told.
class ReadAhead {
 public:
  size_t next() { return std::exchange(now_, std::min<size_t>(now_ * 2, max_list_page)); }
  void skipped() { now_ = 1; }

 private:
  size_t now_ = 1;
};

/// <role><ID/><DisplayName/></role>; an account that has gone shows its id alone.
void write_account(wire::xml::Writer& writer, std::string_view role, const Account* account,
                   std::string_view account_id);

}  // namespace croft::farm::s3
