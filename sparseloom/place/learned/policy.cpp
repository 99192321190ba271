#include "sparseloom/place/learned/policy.h"

#include <algorithm>

#include "sparseloom/base/file.h"
#include "sparseloom/place/learned/actor.h"
#include "sparseloom/place/methods/whole.h"

namespace sparseloom::place {
namespace {

constexpr std::size_t kMostLayers = 4;
constexpr int kMostNeurons = 512;
constexpr double kWidth = 0.4;  // of the actions -1..1 that mean one number of quarters

std::vector<Eigen::Index> actor_widths(const std::vector<int>& hidden) {
  std::vector<Eigen::Index> widths{static_cast<Eigen::Index>(kFeatures)};
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  widths.push_back(2);
  return widths;
}

std::string_view name_of_kind(ProcessorKind kind) {
  switch (kind) {
    case ProcessorKind::kCpu: return "cpu";
    case ProcessorKind::kGpu: return "gpu";
    case ProcessorKind::kOther: break;
  }
  return "other";
}

Status check_for(const CostTable& table, const SacPolicy& policy) {
  const std::string machine = machine_of(table);
  if (policy.machine != machine) {
    return error(Code::kFailedPrecondition, "the policy is for a machine of '{}'; this one is of '{}'", policy.machine,
                 machine);
  }
  if (is_allowed(policy.hidden) && policy.weights.size() == weight_count(policy.hidden)) return {};
  return error(Code::kInvalidArgument, "a policy whose {} weights do not fit its layers", policy.weights.size());
}

void take_better(const CostTable& table, Placement placement, CostModel model, Decision& decision) {
  ++decision.roll_outs;
  Placed placed = judged(table, std::move(placement), model);
  if (placed.latency < decision.placed.latency) decision.placed = std::move(placed);
}

}  // namespace

std::string machine_of(const CostTable& table) {
  std::string text;
  for (const PlacedProcessor& processor : table.processors)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", name_of_kind(processor.kind), processor.memory_domain);
  return text;
}

std::string digest_of(const CostTable& table) {
  std::string text = machine_of(table);
  for (const OperatorGroup& group : table.groups) {
    text += fmt::format("\n{}", group.result_bytes);
    for (const auto& seconds : group.seconds) text += fmt::format(" {}", fmt::join(seconds, " "));
  }
  return sha256(text).substr(0, 16);
}

bool is_allowed(const std::vector<int>& hidden) {
  return !hidden.empty() && hidden.size() <= kMostLayers &&
         std::all_of(hidden.begin(), hidden.end(), [](int n) { return n >= 1 && n <= kMostNeurons; });
}

std::size_t weight_count(const std::vector<int>& hidden) {
  return static_cast<std::size_t>(parameter_count(actor_widths(hidden)));
}

double share_of_action(double action) { return std::clamp(0.5 + action / (kWidth * kQuarters), 0.0, 1.0); }

double action_of_quarters(std::uint8_t quarters) { return kWidth * (quarters - kQuarters / 2.0); }

Result<Decision> decide(const CostTable& table, const SacPolicy& policy, const RollOuts& roll_outs) {
  SL_RETURN_IF_ERROR(check_for(table, policy));
  SL_ASSIGN_OR_RETURN(const auto environments, environments_of(table, policy.model));
  Mlp<float> network(actor_widths(policy.hidden));
  network.parameters() = Eigen::Map<const Mlp<float>::Vector>(policy.weights.data(), network.parameters().size());
  Actor actor(network);
  Decision decision;
  std::mt19937_64 random(roll_outs.seed);
  for (const auto& environment : environments) {
    decision.policy_latency = std::min(decision.policy_latency, actor.play(*environment));
    take_better(table, environment->placement(), policy.model, decision);
    for (std::size_t i = 0; i < roll_outs.sampled; ++i) {
      actor.play(*environment, &random);
      take_better(table, environment->placement(), policy.model, decision);
    }
  }
  for (std::size_t p = 0; roll_outs.single && p < table.processors.size(); ++p)
    take_better(table, whole_on(table, p), policy.model, decision);
  return decision;
}

Result<Decision> decide(const CostTable& table, const MachineState& state, const SacPolicy& policy,
                        const RollOuts& roll_outs) {
  SL_RETURN_IF_ERROR(check(state, table));
  return decide(in_state(table, state), policy, roll_outs);
}

}  // namespace sparseloom::place
