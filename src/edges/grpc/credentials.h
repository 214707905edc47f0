// Who we are and whom we believe.
#pragma once

#include <string>

#include "lib/tls/authority.h"

namespace godwit::grpc_edge {

struct Credentials {
  tls::Identity self;     // Its common name is our node id.
  std::string authority;  // The CA's certificate, PEM: the only one that counts.
};

}  // namespace godwit::grpc_edge
