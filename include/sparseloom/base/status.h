// base: vocabulary types that every layer shares (status, ids, units, tensors, JSON, files, threads). Knows no domain
// word.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sparseloom {

/// What kind of thing went wrong. Few on purpose: a caller branches on the kind, a person reads the message.
enum class Code {
  kOk,
  kInvalidArgument,     ///< the caller asked for something that is not allowed or does not exist (command line, API)
  kMalformed,           ///< a file or message does not have the form it must have
  kNotFound,            ///< a file or entry that should be there is missing
  kDataLoss,            ///< content is damaged: wrong hash, truncated
  kFailedPrecondition,  ///< right in itself but not in this state (profile of another machine, stateful model)
  kResourceExhausted,   ///< disk full, memory budget exceeded
  kUnavailable,         ///< device or file cannot be used now (read-only, busy, absent)
  kCancelled,           ///< stopped by the user
  kInternal,            ///< a bug of ours or an unexpected failure of a library
};

/// "INVALID_ARGUMENT" and so on.
std::string_view to_string(Code code);

/// Exit status of a process that ends with this code: 0, 2 for usage (kInvalidArgument), 130 for kCancelled, else 1.
int exit_status(Code code);

/// Success, or a code and a one-line message that says where, what arrived and what is allowed.
/// Cheap to move; safe to share between threads once constructed.
class [[nodiscard]] Status {
 public:
  Status() = default;  // success
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  /// Without a full stop or a line end; empty on success.
  const std::string& message() const { return message_; }

  /// The same status with "context: " before its message.
  Status with_context(std::string_view context) const {
    return ok() ? *this : Status(code_, fmt::format("{}: {}", context, message_));
  }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

/// Status with a formatted message: `return error(Code::kNotFound, "{}: no task '{}'; it has: {}", path, name, all)`.
template <typename... Args>
Status error(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}

/// A value or the Status that says why there is none. Accessing the value of a failure is a bug: it throws
/// std::bad_variant_access. Owns its value; as safe to share between threads as that is.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor): a Result is made by returning
  Result(Status status) : state_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  /// Success if there is a value.
  Status status() const { return ok() ? Status() : std::get<Status>(state_); }

  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace sparseloom

/// Returns from the enclosing function if `expression` (a Status) is a failure.
#define SL_RETURN_IF_ERROR(expression)                                                    \
  do {                                                                                    \
    if (::sparseloom::Status sl_status = (expression); !sl_status.ok()) return sl_status; \
  } while (false)

#define SL_CONCAT_INNER(a, b) a##b
#define SL_CONCAT(a, b) SL_CONCAT_INNER(a, b)

/// `SL_ASSIGN_OR_RETURN(auto x, f())`: the value of a Result, or return its Status.
#define SL_ASSIGN_OR_RETURN(declaration, expression) \
  SL_ASSIGN_OR_RETURN_INNER(SL_CONCAT(sl_result_, __LINE__), declaration, expression)
#define SL_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) return result.status();                        \
  declaration = std::move(result).value()
