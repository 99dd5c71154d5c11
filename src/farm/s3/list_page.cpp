#include "farm/s3/list_page.h"

#include "base/text.h"
#include "wire/uri.h"

namespace croft::farm::s3 {

std::string Encoding::operator()(std::string_view text) const {
  return url ? wire::percent_encode_path(text) : std::string(text);
}

Result<Encoding> encoding_of(const S3Request& request) {
  auto type = request.query.get("encoding-type");
  if (!type || type->empty()) return Encoding{};
  if (*type == "url") return Encoding{true};
  return fail(aws_error("InvalidArgument", 400, "Invalid Encoding Method specified in Request")
                  .fact("xml:ArgumentName", "encoding-type")
                  .fact("xml:ArgumentValue", printable(*type)));
}

std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

void write_account(wire::xml::Writer& writer, std::string_view role, const Account* account,
                   std::string_view account_id) {
  writer.open(role).element("ID", account ? std::string_view(account->canonical_id) : account_id);
  if (account) writer.element("DisplayName", account->name);
  writer.close();
}

}  // namespace croft::farm::s3
