#pragma once

#include <string>
#include <string_view>

#include "sparseloom/place/learned/policy.h"

namespace sparseloom::place {

/// Of policy files that this release reads and writes.
inline constexpr std::int64_t kSacPolicyVersion = 1;

/// The policy as text (JSON), the same for the same policy.
std::string format_policy(const SacPolicy& policy);

/// What format_policy() has written, and nothing else: no key more or less. `where` names the file in messages.
/// kMalformed: no JSON (as when it was cut short), no policy, a key that is missing, of another type or out of range, a
/// number of weights that does not fit the layers, a weight that is no finite number. kFailedPrecondition: a version or
/// a set of features of another release.
Result<SacPolicy> parse_policy(std::string_view text, std::string_view where);

}  // namespace sparseloom::place
