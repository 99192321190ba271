// Made-up cost tables for the tests of place.
#pragma once

#include <random>
#include <string>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::testing {

struct RandomTable {
  std::size_t groups = 6;
  std::size_t processors = 2;
  bool halves_alone = false;  ///< of the ways to divide a group only the one into halves
  bool energy = false;        ///< watts, joules per byte, and traffic by share
};

/// Groups that read one or two earlier ones, some along chains; the second processor is a GPU with memory of its own.
/// Times are multiples of a 64th, so that sums in any order are the same.
inline place::CostTable random_table(const RandomTable& wanted, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const auto time = [&](std::size_t most) { return static_cast<double>(1 + below(most)) / 64; };
  place::CostTable table;
  for (std::size_t p = 0; p < wanted.processors; ++p) {
    const bool gpu = p == 1;
    table.processors.push_back({gpu ? "gpu" : "cpu" + std::to_string(p),
                                gpu ? place::ProcessorKind::kGpu : place::ProcessorKind::kCpu, gpu ? 1U : 0U});
  }
  table.handover = {.synchronisation = time(8), .latency = time(8), .seconds_per_byte = 1.0 / 64};
  std::vector<bool> read(wanted.groups);
  for (std::size_t g = 0; g < wanted.groups; ++g) {
    place::OperatorGroup group;
    group.name = "g" + std::to_string(g);
    group.kind = "MatMul";
    group.operations = static_cast<double>(1 + below(100));
    group.bytes = static_cast<double>(1 + below(10));
    group.activation_sparsity = static_cast<double>(below(10)) / 10;
    group.result_bytes = 4 * static_cast<double>(1 + below(8));
    group.along = below(2) == 0;
    if (g == 0 || below(6) == 0) group.inputs.push_back({.bytes = static_cast<double>(1 + below(16))});
    for (std::size_t k = g == 0 ? 0 : 1 + below(2); k > 0; --k) {
      const std::size_t from = below(3) == 0 ? below(g) : g - 1;
      group.inputs.push_back({.from = place::GroupId(from)});
      read[from] = true;
    }
    for (std::size_t p = 0; p < wanted.processors; ++p) {
      const double whole = time(64);
      auto& seconds = group.seconds.emplace_back();
      for (std::size_t q = 1; q <= place::kQuarters; ++q) {
        seconds[q] = whole * static_cast<double>(q) / 4 + (q < place::kQuarters ? time(6) : 0);
        if (wanted.halves_alone && q % 2 == 1) seconds[q] = place::kCannot;
      }
      if (wanted.processors > 1 && below(12) == 0 && (p > 0 || wanted.processors == 1))
        seconds[place::kQuarters] = place::kCannot;
    }
    table.groups.push_back(std::move(group));
  }
  for (std::size_t g = 0; g < wanted.groups; ++g) table.groups[g].returned = !read[g] || below(8) == 0;
  if (!wanted.energy) return table;
  table.energy = place::EnergyCosts{.power = {}, .joules_per_byte = static_cast<double>(below(4)) / 64};
  for (std::size_t p = 0; p < wanted.processors; ++p) {
    const auto idle = static_cast<double>(below(3));
    table.energy->power.push_back({idle, idle + static_cast<double>(1 + below(8))});
  }
  for (place::OperatorGroup& group : table.groups) {
    for (std::size_t p = 0; p < wanted.processors; ++p) {
      auto& traffic = group.traffic.emplace_back();
      for (std::size_t q = 1; q <= place::kQuarters; ++q) traffic[q] = static_cast<double>(4 * q + below(8));
    }
  }
  return table;
}

}  // namespace sparseloom::testing
