// Any bytes as a form and as a policy: no crash, and the file does not depend on how the body was
// cut into pieces.
#include <cstdlib>

#include "base/text.h"
#include "farm/s3/post_form.h"

using namespace croft;
using namespace croft::farm::s3;

namespace {

/// The file and the fields as one text; what is no form gives the error.
std::string decode(std::string_view body, size_t piece) {
  FormDecoder decoder("b");
  std::string file;
  for (size_t at = 0; at < body.size(); at += piece)
    if (auto fed = decoder.feed(body.substr(at, piece), file); !fed) return "no form";
  std::string out = decoder.file_ended() ? "whole\n" : "cut\n";
  for (const auto& [name, value] : decoder.fields()) out += name + "=" + value + "\n";
  return decoder.file_ended() ? out + file : out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size > 0 && size < 4096 && decode(text, size) != decode(text, 1 + data[0] % 7)) std::abort();
  auto policy = PostPolicy::parse(base64(text));
  if (policy) {
    Pairs fields{{"key", "a"}, {"acl", "private"}};
    (void)policy->check(fields, "bucket", WallTime::from_unix_seconds(1'200'000'000));
    (void)policy->check_size(size);
  }
  (void)PostPolicy::parse(text);
  (void)form_boundary(text);
  return 0;
}
