#include "sparseloom/place/learned/policy_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparseloom/base/json.h"
#include "sparseloom/place/learned/environment.h"

namespace sparseloom::place {
namespace {

constexpr std::string_view kMagic = "sparseloom sac policy";

// Versions and features first: whatever else a file of another release has is not to be judged.
Status check_release(JsonObject& object) {
  const std::string magic = object.string("format");
  if (object.ok() && magic != kMagic) object.fail("format", fmt::format("'{}'; allowed: '{}'", magic, kMagic));
  if (!object.ok()) return object.finish();
  const std::int64_t version = object.integer("format_version");
  if (object.ok() && version != kSacPolicyVersion) {
    return error(Code::kFailedPrecondition, "{}: {}; this release reads {}", object.place("format_version"), version,
                 kSacPolicyVersion);
  }
  const std::string features = object.string("feature_set");
  if (object.ok() && features != kFeatureSet) {
    return error(Code::kFailedPrecondition, "{}: '{}'; this release has '{}'", object.place("feature_set"), features,
                 kFeatureSet);
  }
  return object.ok() ? Status() : object.finish();
}

std::uint64_t count(JsonObject& object, std::string_view key) {
  const std::int64_t value = object.integer(key);
  if (value < 0) object.fail(key, fmt::format("{}; allowed: 0 or more", value));
  return static_cast<std::uint64_t>(value);
}

void read_layers(JsonObject& object, SacPolicy& policy) {
  for (const std::int64_t neurons : object.integers("hidden"))
    policy.hidden.push_back(static_cast<int>(std::clamp<std::int64_t>(neurons, 0, std::numeric_limits<int>::max())));
  if (object.ok() && !is_allowed(policy.hidden))
    object.fail("hidden", "no layers that are allowed: 1 to 4 of 1 to 512 neurons");
}

void read_weights(JsonObject& object, SacPolicy& policy) {
  const auto weights = object.array("weights");
  if (!object.ok()) return;
  const std::size_t wanted = weight_count(policy.hidden);
  if (weights.size() != wanted) {
    object.fail("weights", fmt::format("{} of them; such layers have {}", weights.size(), wanted));
    return;
  }
  for (const auto& [json, place] : weights) {
    const float weight = json->is_number() ? json->get<float>() : std::numeric_limits<float>::quiet_NaN();
    if (!std::isfinite(weight)) {
      object.fail(fmt::format("weights[{}]", policy.weights.size()), "no finite 32-bit number");
      return;
    }
    policy.weights.push_back(weight);
  }
}

}  // namespace

std::string format_policy(const SacPolicy& policy) {
  const Json json{{"format", kMagic},
                  {"format_version", kSacPolicyVersion},
                  {"feature_set", kFeatureSet},
                  {"machine", policy.machine},
                  {"cost_model", name_of(policy.model)},
                  {"trained_on", policy.trained_on},
                  {"seed", policy.seed},
                  {"steps", policy.steps},
                  {"hidden", policy.hidden},
                  {"weights", policy.weights}};
  return json.dump() + "\n";
}

Result<SacPolicy> parse_policy(std::string_view text, std::string_view where) {
  SL_ASSIGN_OR_RETURN(const Json json, parse_json(text, where));
  JsonObject object(json, std::string(where));
  SL_RETURN_IF_ERROR(check_release(object));
  SacPolicy policy;
  policy.machine = object.string("machine");
  const auto model = find_cost_model(object.string("cost_model"));
  if (object.ok() && !model.ok()) object.fail("cost_model", model.status().message());
  if (model.ok()) policy.model = *model;
  policy.trained_on = object.string("trained_on");
  policy.seed = count(object, "seed");
  policy.steps = count(object, "steps");
  read_layers(object, policy);
  if (object.ok()) read_weights(object, policy);
  SL_RETURN_IF_ERROR(object.finish());
  return policy;
}

}  // namespace sparseloom::place
