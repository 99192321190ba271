#pragma once

#include "sparseloom/plan/costs.h"

namespace sparseloom::plan {

/// Picks one of a task's original variants (never empty, in the zoo's order) for an SLO.
using ChooseOriginal = std::size_t (*)(const std::vector<OriginalVariant>& originals, const Slo& slo);

std::size_t choose_most_accurate(const std::vector<OriginalVariant>& originals, const Slo& slo);     // sv_ao.cpp
std::size_t choose_fastest(const std::vector<OriginalVariant>& originals, const Slo& slo);           // sv_lo.cpp
std::size_t choose_fastest_feasible(const std::vector<OriginalVariant>& originals, const Slo& slo);  // av.cpp

/// The chosen original variant of every task, as σ. Errors: those of read_originals().
Result<std::vector<zoo::Sigma>> choose_originals(const Problem& problem, const std::vector<TaskCosts>& costs,
                                                 ChooseOriginal choose);

/// Places the chosen σ of every task.
using PlaceAll = std::vector<Placement> (*)(const std::vector<TaskCosts>& costs, const std::vector<zoo::Sigma>& sigmas);

std::vector<Placement> place_whole(const std::vector<TaskCosts>& costs,
                                   const std::vector<zoo::Sigma>& sigmas);  // place_whole.cpp
std::vector<Placement> place_pipelined(const std::vector<TaskCosts>& costs,
                                       const std::vector<zoo::Sigma>& sigmas);  // place_pipelined.cpp

/// Of the originals with the least latency, ties included, the most accurate; then the faster; then the earlier.
std::size_t fastest_of(const std::vector<OriginalVariant>& originals);

/// A rule that chooses variants, and one that places them.
class BaselinePlanner : public Planner {
 public:
  BaselinePlanner(std::string_view name, ChooseOriginal choose, PlaceAll place)
      : name_(name), choose_(choose), place_(place) {}
  std::string_view name() const override { return name_; }
  Result<Plan> plan(const Problem& problem) const override;

 private:
  std::string_view name_;
  ChooseOriginal choose_;
  PlaceAll place_;
};

}  // namespace sparseloom::plan
