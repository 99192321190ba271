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
  soc::Soc soc;  ///< with what plans may use of it
  zoo::Zoo zoo;
  profile::Profile profile;
  plan::SloConfig slo;
  std::optional<Bytes> memory;
  std::shared_ptr<const plan::Load> load;  ///< of these tasks; null: episodes
  std::vector<zoo::TaskId> tasks;          ///< by position in `zoo`: their numbers in the catalog
  std::size_t all = 0;                     ///< tasks in the catalog

  plan::Problem problem() const { return {zoo, soc, profile, slo, memory, load.get()}; }
  /// The plan as an engine wants it that knows the whole catalog: tasks that are not loaded are not served.
  std::shared_ptr<const plan::Plan> expanded(const plan::Plan& plan) const;
};

/// What is left of a load with the domain's tasks alone, by its numbers; null if that is nothing.
std::shared_ptr<const plan::Load> renumbered(const plan::Load& load, const Domain& domain);

/// `soc`: with what plans may use. `loaded`, `slos` and `load` (which may be null) by the catalog's numbers. A task
/// without a latency bound is planned for as if it had ten times the latency of its slowest original variant. Errors:
/// those of plan::grid_ranges.
Result<std::shared_ptr<const Domain>> make_domain(const Catalog& catalog, const soc::Soc& soc,
                                                  const std::vector<bool>& loaded, const std::vector<Slo>& slos,
                                                  std::optional<Bytes> memory,
                                                  const std::shared_ptr<const plan::Load>& load);

}  // namespace sparseloom::serve
