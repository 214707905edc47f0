#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace godwit {

std::string_view name(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kAlreadyExists:
      return "ALREADY_EXISTS";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kAborted:
      return "ABORTED";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kDataLoss:
      return "DATA_LOSS";
    case Code::kInternal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

std::string to_string(const Error& error) {
  return std::format("{}: {}", name(error.code), error.message);
}

std::unexpected<Error> system_error(std::string_view what, int errno_value) {
  Code code = Code::kUnavailable;
  if (errno_value == ENOENT || errno_value == ESRCH || errno_value == ENODEV)
    code = Code::kNotFound;
  if (errno_value == EEXIST) code = Code::kAlreadyExists;
  if (errno_value == EACCES || errno_value == EPERM) code = Code::kPermissionDenied;
  if (errno_value == ENOSPC || errno_value == ENOMEM) code = Code::kResourceExhausted;
  if (errno_value == EINVAL) code = Code::kInvalidArgument;
  return fail(code, std::format("{}: {}", what, std::strerror(errno_value)));
}

}  // namespace godwit
