// Any parameters for any action: taken, or refused with a code; filters and pages with them.
#include "farm/ec2/core.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::farm::ec2;
  if (size < 1) return 0;
  auto all = actions();
  const Action& action = all[data[0] % all.size()];
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Fields fields;
  for (size_t start = 0; start < text.size() && fields.size() < 64;) {
    size_t end = std::min(text.find('&', start), text.size());
    std::string_view pair = text.substr(start, end - start);
    size_t equals = std::min(pair.find('='), pair.size());
    fields.emplace_back(std::string(pair.substr(0, equals)),
                        std::string(pair.substr(std::min(equals + 1, pair.size()))));
    start = end + 1;
  }
  auto params = Params::check(action.parameters, filter_params, fields);
  if (!params) {
    CHECK(!params.error().fact("aws_code").empty(), "every refusal has a code");
    return 0;
  }
  static_cast<void>(read_filters(*params));
  static_cast<void>(read_page(action.name, *params, ""));
  static_cast<void>(read_tag_specs(*params, {"instance"}));
  return 0;
}
