// Calls to the control plane; only for this folder's .cc files (it includes gRPC).
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"

namespace godwit::cli {

struct Target {
  std::string server;       // HOST:PORT.
  std::string credentials;  // A directory with ca.pem, user.pem and user.key.
};

class Client {
 public:
  // NotFound or InvalidArgument: of the credentials. Does not dial yet.
  static Result<Client> make(const Target& target);

  // One call: call(&v1::Groups::Stub::List, request, reply), through a stub of the service.
  template <class Stub, class Asked, class Reply>
  Status call(std::unique_ptr<Stub> stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Asked&, Reply*),
              const Asked& asked, Reply& reply, std::chrono::milliseconds limit = kLimit) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + limit);
    return translate(((*stub).*method)(&context, asked, &reply));
  }
  // A call's end as ours: says what to do when nobody answers.
  Status translate(const grpc::Status& status) const;

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  // The control plane answers in milliseconds; what takes longer is watched.
  static constexpr std::chrono::milliseconds kLimit{30'000};

  std::string server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace godwit::cli
