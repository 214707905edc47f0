#include "cli/exit_status.h"

namespace godwit::cli {

int exit_status(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kDataLoss:
      return kBadInput;
    case Code::kNotFound:
      return kNotFound;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
    case Code::kAborted:
      return kRefused;
    case Code::kPermissionDenied:
      return kPermissionDenied;
    case Code::kResourceExhausted:
    case Code::kDeadlineExceeded:
      return kTryAgain;
    case Code::kUnavailable:
      return kUnavailable;
    case Code::kInternal:
      break;
  }
  return kInternal;
}

}  // namespace godwit::cli
