#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/plan/planner.h"
#include "sparseloom/serve/catalog.h"

namespace sparseloom::serve {

/// What plans are made for at one moment: the tasks that are loaded, numbered without gaps as planners want them, their
/// bounds, and the memory there is. Immutable once made.
struct Domain {
  zoo::Zoo zoo;
  profile::Profile profile;
  plan::SloConfig slo;
  std::optional<Bytes> memory;
  std::vector<zoo::TaskId> tasks;  ///< by position in `zoo`: their numbers in the catalog
  std::size_t all = 0;             ///< tasks in the catalog

  plan::Problem problem(const soc::Soc& soc) const { return {zoo, soc, profile, slo, memory}; }
  /// The plan as an engine wants it that knows the whole catalog: tasks that are not loaded are not served.
  std::shared_ptr<const plan::Plan> expanded(const plan::Plan& plan) const;
};

/// `loaded` and `slos` by the catalog's numbers. A task without a latency bound is planned for as if it had ten times
/// the latency of its slowest original variant. Errors: those of plan::grid_ranges.
Result<std::shared_ptr<const Domain>> make_domain(const Catalog& catalog, const soc::Soc& soc,
                                                  const std::vector<bool>& loaded, const std::vector<Slo>& slos,
                                                  std::optional<Bytes> memory);

}  // namespace sparseloom::serve
