#include "sparseloom/serve/domain.h"

namespace sparseloom::serve {
namespace {

constexpr double kUnbounded = 10;  // times its own latency is what a task without a bound is planned for

}  // namespace

std::shared_ptr<const plan::Plan> Domain::expanded(const plan::Plan& plan) const {
  auto whole = std::make_shared<plan::Plan>(plan);
  whole->tasks.assign(all, {});
  for (std::size_t t = 0; t < tasks.size(); ++t) whole->tasks[tasks[t].index()] = plan.tasks[t];
  return whole;
}

std::shared_ptr<const plan::Load> renumbered(const plan::Load& load, const Domain& domain) {
  std::vector<std::optional<zoo::TaskId>> numbers(domain.all);
  for (std::size_t t = 0; t < domain.tasks.size(); ++t) numbers[domain.tasks[t].index()] = zoo::TaskId(t);
  auto left = std::make_shared<plan::Load>();
  left->percentile = load.percentile;
  for (const plan::ArrivalSequence& sample : load.samples) {
    plan::ArrivalSequence renumbered;
    for (const auto& [at, task] : sample) {
      const auto number = task.index() < numbers.size() ? numbers[task.index()] : std::nullopt;
      if (number) renumbered.push_back({at, *number});
    }
    if (!renumbered.empty()) left->samples.push_back(std::move(renumbered));
  }
  return left->samples.empty() ? nullptr : left;
}

Result<std::shared_ptr<const Domain>> make_domain(const Catalog& catalog, const soc::Soc& soc,
                                                  const std::vector<bool>& loaded, const std::vector<Slo>& slos,
                                                  std::optional<Bytes> memory,
                                                  const std::shared_ptr<const plan::Load>& load) {
  const zoo::Zoo& zoo = catalog.zoo();
  const profile::Profile& profile = catalog.profile();
  auto domain = std::make_shared<Domain>();
  domain->all = zoo.tasks.size();
  domain->memory = memory;
  domain->soc = soc;
  domain->slo.name = "served";
  domain->zoo.name = zoo.name;
  domain->profile = profile;
  domain->profile.tasks.clear();
  domain->profile.boundary.clear();
  for (std::size_t t = 0; t < loaded.size(); ++t) {
    if (!loaded[t]) continue;
    domain->tasks.emplace_back(t);
    domain->zoo.tasks.push_back(zoo.tasks[t]);
    domain->profile.tasks.push_back(profile.tasks[t]);
    if (!profile.boundary.empty()) domain->profile.boundary.push_back(profile.boundary[t]);
  }
  if (domain->tasks.size() < domain->all) domain->profile.contention = {};  // it counts all tasks
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(domain->zoo, soc, domain->profile));
  for (std::size_t t = 0; t < domain->tasks.size(); ++t) {
    const Slo& slo = slos[domain->tasks[t].index()];
    domain->slo.slos.push_back(
        {.accuracy = slo.accuracy.value_or(0), .latency = slo.latency.value_or(kUnbounded * ranges[t].latency_max)});
  }
  if (load != nullptr) domain->load = renumbered(*load, *domain);
  return std::shared_ptr<const Domain>(std::move(domain));
}

}  // namespace sparseloom::serve
