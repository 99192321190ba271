// Files of learned policies: whatever the bytes, parsing them ends in a policy that is written again as it was read, or
// in one line that says what is wrong.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sparseloom/place/learned/policy_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparseloom;
  const auto policy = place::parse_policy({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (!policy.ok()) {
    if (policy.status().message().empty()) std::abort();
    return 0;
  }
  if (!place::is_allowed(policy->hidden) || policy->weights.size() != place::weight_count(policy->hidden)) std::abort();
  const std::string text = place::format_policy(*policy);
  const auto again = place::parse_policy(text, "fuzz.json");
  if (!again.ok() || place::format_policy(*again) != text) std::abort();
  return 0;
}
