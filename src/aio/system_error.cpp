#include "aio/system_error.h"

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace croft::aio {

namespace {
Code code_of(int number) {
  switch (number) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
    case EADDRINUSE:
      return Code::already_exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::permission_denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return Code::resource_exhausted;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
      return Code::unavailable;
    case ETIMEDOUT:
      return Code::timeout;
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      return Code::invalid_argument;
    case ENOTEMPTY:
    case EBUSY:
      return Code::conflict;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return Code::unsupported;
    default:
      return Code::io;
  }
}
}  // namespace

Error system_error(int number, std::string what) {
  char text[128];
  // The GNU strerror_r: the answer may or may not stand in `text`.
  const char* words = strerror_r(number, text, sizeof text);
  return Error(code_of(number), std::move(what) + ": " + to_lower(words));
}

}  // namespace croft::aio
