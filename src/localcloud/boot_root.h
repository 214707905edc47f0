// The root of an instance's file system, made in the calling process's own mount namespace.
#pragma once

#include "base/error.h"
#include "localcloud/boot.h"

namespace godwit::localcloud {

// After it, `/` is the instance's and the host's tree is out of reach.
Status enter_root(const BootSpec& spec);

}  // namespace godwit::localcloud
