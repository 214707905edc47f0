// ports::Message to and from api/godwit/agent/v1. The sender is not in the bytes: what is read has
// an empty `from`, which the transport fills in from the certificate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ports/messages.h"

namespace godwit::agent::v1 {
class Envelope;
}

namespace godwit::grpc_edge {

// The newest vocabulary this release reads, and the oldest it needs its readers to know.
inline constexpr std::uint32_t kWireVersion = 1;

// Total: every message has a wire form. Bytes that are not UTF-8 in a `why` become '?', since
// protobuf's strings must be UTF-8 and these come from other programs.
void to_wire(const ports::Message& message, agent::v1::Envelope& envelope);

// InvalidArgument if a body is unknown or lacks a part that has no neutral value;
// FailedPrecondition if the sender needs a newer reader.
Result<ports::Message> from_wire(const agent::v1::Envelope& envelope);

std::string to_bytes(const ports::Message& message);
// Also InvalidArgument if the bytes are no Envelope.
Result<ports::Message> from_bytes(std::string_view bytes);

}  // namespace godwit::grpc_edge
