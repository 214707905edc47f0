// The vocabulary of failure. See the section on errors in CONTRIBUTING: a possible outcome is a
// value in the signature, the world failing is Result<T>, our own bug is CHECK.
#pragma once

#include <expected>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace godwit {

// The codes are gRPC's (grpc/status.h), so that the edge maps them one to one. A code is chosen for
// what the caller does next.
enum class Code {
  kInvalidArgument,     // The input is wrong: tell the user.
  kNotFound,            // On terminate this is success.
  kAlreadyExists,       // The command was done before.
  kPermissionDenied,    // A person must act.
  kResourceExhausted,   // Try another offering.
  kFailedPrecondition,  // Re-plan: the world is not as assumed.
  kAborted,             // Lost a race: read again, then try again.
  kUnavailable,         // Retry with back-off.
  kDeadlineExceeded,    // Retry with back-off; the command may have been done.
  kDataLoss,            // What was read is damaged.
  kInternal,            // A library broke its promise.
};

std::string_view name(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;  // Lower case, no full stop, names and numbers included.
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

std::string to_string(const Error& error);  // "RESOURCE_EXHAUSTED: launch n1: no capacity".

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}
inline std::unexpected<Error> invalid(std::string m) {
  return fail(Code::kInvalidArgument, std::move(m));
}
inline std::unexpected<Error> not_found(std::string m) {
  return fail(Code::kNotFound, std::move(m));
}
inline std::unexpected<Error> unavailable(std::string m) {
  return fail(Code::kUnavailable, std::move(m));
}
inline std::unexpected<Error> precondition(std::string m) {
  return fail(Code::kFailedPrecondition, std::move(m));
}
inline std::unexpected<Error> data_loss(std::string m) {
  return fail(Code::kDataLoss, std::move(m));
}
inline std::unexpected<Error> internal(std::string m) {
  return fail(Code::kInternal, std::move(m));
}

// The error of a failed system call: "open /run/x: No such file or directory", with a code that
// fits errno_value.
std::unexpected<Error> system_error(std::string_view what, int errno_value);

// Each layer that knows more adds it once, in front.
template <class T>
Result<T> in_context(std::string_view what, Result<T> result) {
  if (!result) result.error().message = std::format("{}: {}", what, result.error().message);
  return result;
}

}  // namespace godwit

#define GODWIT_CONCAT_(a, b) a##b
#define GODWIT_CONCAT(a, b) GODWIT_CONCAT_(a, b)

// Returns the error of a Result or Status to the caller; goes on otherwise.
#define TRY(expr)                                                                             \
  do {                                                                                        \
    if (auto try_result_ = (expr); !try_result_) return std::unexpected(try_result_.error()); \
  } while (false)

// ASSIGN_OR_RETURN(auto x, f()): the value of a Result, or its error returned to the caller.
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_(GODWIT_CONCAT(result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(name, lhs, expr)                    \
  auto name = (expr);                                         \
  if (!name) return std::unexpected(std::move(name).error()); \
  lhs = *std::move(name)
