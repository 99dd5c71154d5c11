// What other modules of old descriptions add to the functions: paths of files, the names of this
// machine and of others.
#include <fmt/format.h>

#include <algorithm>

#include "lang/functions/function.h"

namespace croft::lang {
namespace {

/// With the separators that this system has.
std::string path_text(const Run& run, const Val& value) {
  std::string out;
  write_plain(run, value, out);
  std::replace(out.begin(), out.end(), '\\', '/');
  return out;
}

}  // namespace

Result<Val> call_file_path(Calling& calling) {
  const Val* left = calling.find(word::left);
  const Val* right = calling.find(word::right);
  if (!left || !right)
    return fail(Code::invalid_argument,
                fmt::format("filepath needs '{}'", left ? "right" : "left"));
  std::string path = path_text(calling.run, *left);
  std::string inner = path_text(calling.run, *right);
  if (!path.ends_with('/')) path += '/';
  path += inner.starts_with('/') ? inner.substr(1) : inner;
  if (!calling.run.make_text(path.size()))
    return fail(Code::resource_exhausted,
                fmt::format("the texts of this description grow beyond {} bytes",
                            calling.run.options.limits.text_bytes));
  return calling.run.text(path);
}

Result<Val> call_local_host(Calling& calling) {
  return calling.run.text(calling.run.options.machine.name);
}

Result<Val> call_local_address(Calling& calling) {
  return calling.run.text(calling.run.options.machine.address);
}

Result<Val> call_host_exists(Calling& calling) {
  if (calling.operands.size() != 1 || !calling.operands[0].value.is(Kind::string))
    return fail(Code::invalid_argument, "hostExists needs one attribute, the name of a host");
  const Lookup& address_of = calling.run.options.machine.address_of;
  if (!address_of)
    return fail(Error(Code::unsupported, "hostExists is not asked at run time")
                    .hint("the condition HostExists is"));
  return calling.run.boolean(address_of(*calling.operands[0].value.text).has_value());
}

}  // namespace croft::lang
