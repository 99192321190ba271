#pragma once

#include <fmt/ranges.h>

#include <string>
#include <string_view>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// "'lifo': not known; allowed: fcfs, edf": how every unknown name is refused. In a file, what the name is of stands in
/// front already: `object.fail("policy", not_known(name, policy_names()))`.
template <typename Names>
std::string not_known(std::string_view name, const Names& allowed) {
  return fmt::format("'{}': not known; allowed: {}", name, fmt::join(allowed, ", "));
}

/// The same as a kInvalidArgument that says what the name is of: "policy 'lifo': not known; allowed: ...".
template <typename Names>
Status unknown_name(std::string_view what, std::string_view name, const Names& allowed) {
  return error(Code::kInvalidArgument, "{} {}", what, not_known(name, allowed));
}

}  // namespace sparseloom
