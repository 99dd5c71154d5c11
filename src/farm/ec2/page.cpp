#include "farm/ec2/page.h"

#include "base/digest.h"
#include "base/text.h"
#include "farm/api/error.h"

namespace croft::farm::ec2 {

namespace {

constexpr size_t sum_digits = 8;

std::string sum(std::string_view action, std::string_view key) {
  return sha256_hex(fmt::format("page/{}/{}", action, key)).substr(0, sum_digits);
}

}  // namespace

std::string page_token(std::string_view action, std::string_view key) {
  return base64(sum(action, key) + std::string(key));
}

Result<Page> read_page(std::string_view action, const Params& params, std::string_view ids) {
  Page page;
  if (params.has("MaxResults")) {
    if (!ids.empty() && !params.list(ids).empty())
      return fail(aws_error(
          "InvalidParameterCombination", 400,
          fmt::format("The parameter {} cannot be used with the parameter maxResults", ids)));
    page.limit = static_cast<size_t>(params.number("MaxResults", 1000));
  }
  std::string token = params.text("NextToken");
  if (token.empty()) return page;
  auto plain = unbase64(token);
  if (!plain || plain->size() <= sum_digits ||
      plain->substr(0, sum_digits) != sum(action, plain->substr(sum_digits)))
    return fail(aws_error("InvalidNextToken", 400, "The NextToken is not one of this operation"));
  page.after = plain->substr(sum_digits);
  return page;
}

}  // namespace croft::farm::ec2
