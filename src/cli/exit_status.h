// What `godwit` ends with; sysexits(3) where it has a number for it. `godwit exec` ends as the
// program did (128 + the signal that ended it) once that has run.
#pragma once

#include "base/error.h"

namespace godwit::cli {

enum ExitStatus : int {
  kDone = 0,
  kRefused = 1,       // As things are: FAILED_PRECONDITION, ALREADY_EXISTS, ABORTED.
  kNotFound = 4,      // A name in the command does not exist.
  kUsage = 64,        // A flag or a verb is wrong.
  kBadInput = 65,     // A spec or a value is wrong.
  kNoInput = 66,      // A file cannot be read.
  kUnavailable = 69,  // No control plane or cloud answers; something did not become ready.
  kInternal = 70,
  kTryAgain = 75,  // Too much is under way.
  kPermissionDenied = 77,
  kBadConfiguration = 78,  // Credentials or a configuration are missing or wrong.
};

int exit_status(Code code);

}  // namespace godwit::cli
