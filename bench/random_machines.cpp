#include "bench/random_machines.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/base/uniform.h"

namespace sparseloom::bench {
namespace {

constexpr double kMostFactor = 4;
constexpr double kLeastHandover = 1e-6, kMostHandover = 1e-4;

// Even on a logarithmic scale.
double between(double low, double high, std::mt19937_64& random) { return low * std::pow(high / low, uniform(random)); }
double factor(std::mt19937_64& random) { return between(1 / kMostFactor, kMostFactor, random); }

bool writes_zeros(const backend::Graph& graph, const std::vector<backend::NodeId>& group) {
  return std::any_of(group.begin(), group.end(), [&](backend::NodeId id) { return graph.node(id).op == "Relu"; });
}

}  // namespace

soc::SocFile random_machine(soc::SocFile machine, std::mt19937_64& random) {
  for (auto& rates : machine.rates) {
    if (!rates) continue;
    const double faster = factor(random);
    for (soc::Arithmetic& arithmetic : rates->arithmetic) arithmetic.operations_per_second *= faster;
    rates->bytes_per_second *= factor(random);
    rates->launch *= factor(random);
    rates->per_operator *= factor(random);
  }
  if (machine.transfer) {
    machine.transfer->latency = Seconds(between(kLeastHandover, kMostHandover, random));
    machine.transfer->seconds_per_byte *= factor(random);
  }
  return machine;
}

place::MachineState random_state(const place::CostTable& table, std::mt19937_64& random) {
  place::MachineState state = place::usual_state(table);
  if (random() % 2 == 0) return state;
  for (double& slow_down : state.slow_down) slow_down = between(1, kMostFactor, random);
  state.memory_slow_down = between(1, kMostFactor, random);
  return state;
}

void draw_zeros(const backend::Graph& graph, const profile::OperatorCosts& operators, place::CostTable& table,
                std::mt19937_64& random) {
  const double usual = 0.2 + 0.6 * uniform(random);
  std::vector<double> written;
  for (const auto& group : operators.nodes) {
    const double drawn = std::clamp(usual + 0.3 * (uniform(random) - 0.5), 0.0, 1.0);
    written.push_back(writes_zeros(graph, group) ? drawn : 0.0);
  }
  for (place::OperatorGroup& group : table.groups) {
    double zeros = 0, from = 0;
    for (const place::Input& input : group.inputs) {
      if (!input.from) continue;
      zeros += written[input.from->index()];
      from += 1;
    }
    group.activation_sparsity = from > 0 ? zeros / from : 0;
  }
}

}  // namespace sparseloom::bench
