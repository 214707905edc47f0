// An HTTP/1.1 server on a Loop, plain or over TLS.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "lib/http/message.h"
#include "lib/io/loop.h"
#include "lib/tls/authority.h"

namespace godwit::http {

class Server {
 public:
  // Called once per request, on the loop's thread; requests of several connections interleave.
  using Handler = std::function<io::Task<Response>(Request)>;

  // Listens in the network namespace that the calling thread is in, and stays there. `host` is a
  // numeric address; port 0 is any free one. What cannot be read is answered by the server itself:
  // 400 malformed, 413 body and 431 headers above the limit. With an `identity` it speaks TLS only;
  // InvalidArgument: the identity is not a certificate with its key.
  static Result<std::unique_ptr<Server>> listen(io::Loop& loop, const std::string& host,
                                                std::uint16_t port, Handler handler,
                                                Limits limits = {},
                                                const std::optional<tls::Identity>& identity = {});
  // Closes the listener and every connection; a handler that is under way finishes unheard, so what
  // it refers to must outlive the loop's last run.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;

  struct State;

 private:
  explicit Server(std::shared_ptr<State> state) : state_(std::move(state)) {}
  // Shared with the tasks of the connections, which the loop may end after this object.
  std::shared_ptr<State> state_;
};

}  // namespace godwit::http
