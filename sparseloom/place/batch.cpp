#include "sparseloom/place/batch.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/base/names.h"

namespace sparseloom::place {
namespace {

constexpr std::array<std::string_view, kObjectives.size()> kObjectiveNames{"throughput", "energy"};
constexpr double kSame = 1e-12;  // rounding

Result<std::vector<std::size_t>> checked_batches(const BatchOptions& options) {
  std::vector<std::size_t> batches = options.batches;
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  if (batches.empty() || batches.front() == 0)
    return error(Code::kInvalidArgument, "{}; allowed: 1 or more", batches.empty() ? "no batch" : "a batch of 0");
  if (options.latency_bound > 0) return batches;  // NaN is not
  return error(Code::kInvalidArgument, "a latency bound of {} s; allowed: above 0", options.latency_bound);
}

Result<BatchPlaced> place_batch(std::size_t batch, const CostTable& table, const BatchOptions& options) {
  SL_RETURN_IF_ERROR(check(table));
  BatchPlaced placed{.batch = batch, .fastest = {}};
  SL_ASSIGN_OR_RETURN(placed.fastest, place_exactly(table, options.placer));
  placed.keeps = keeps(placed.fastest.latency, options.latency_bound);
  if (options.objective == Objective::kEnergy && placed.keeps) {
    SL_ASSIGN_OR_RETURN(placed.frugal,
                        place_for_energy(table, options.placer, options.latency_bound, {placed.fastest.placement}));
  }
  return placed;
}

/// What is compared, so that more is better, of a batch and of everything that it might be.
struct Worth {
  double has = 0, might = 0;
};

Worth worth_of(const BatchPlaced& placed, const BatchOptions& options) {
  const bool might_keep = keeps(placed.fastest.lower_bound, options.latency_bound);
  if (!might_keep) return {-kCannot, -kCannot};
  const auto batch = static_cast<double>(placed.batch);
  if (options.objective == Objective::kThroughput)
    return {placed.keeps ? batch / placed.fastest.latency : -kCannot, batch / placed.fastest.lower_bound};
  if (!placed.frugal) return {-kCannot, 0};
  return {-placed.frugal->energy / batch, -placed.frugal->lower_bound / batch};
}

Status none_keeps(const std::vector<BatchPlaced>& batches, double latency_bound) {
  const auto& least = *std::min_element(batches.begin(), batches.end(), [](const auto& a, const auto& b) {
    return a.fastest.latency < b.fastest.latency;
  });
  return error(Code::kFailedPrecondition,
               "no batch was found that takes at most {:g} ms: one of {} takes {:.4g} ms, and at least {:.4g} ms "
               "wherever its operators run",
               latency_bound * 1e3, least.batch, least.fastest.latency * 1e3, least.fastest.lower_bound * 1e3);
}

}  // namespace

std::string_view name_of(Objective objective) { return kObjectiveNames[static_cast<std::size_t>(objective)]; }

Result<Objective> find_objective(std::string_view name) {
  for (const Objective objective : kObjectives)
    if (name_of(objective) == name) return objective;
  return unknown_name("objective", name, std::vector<std::string_view>(kObjectiveNames.begin(), kObjectiveNames.end()));
}

Result<BatchChoice> choose_batch(const TableOfBatch& table_of, const BatchOptions& options) {
  SL_ASSIGN_OR_RETURN(const std::vector<std::size_t> batches, checked_batches(options));
  BatchChoice choice;
  double most = -kCannot, might = -kCannot;
  for (const std::size_t batch : batches) {
    SL_ASSIGN_OR_RETURN(const CostTable table, table_of(batch));
    SL_ASSIGN_OR_RETURN(BatchPlaced placed, place_batch(batch, table, options));
    const Worth worth = worth_of(placed, options);
    if (worth.has > most) choice.best = choice.batches.size();
    most = std::max(most, worth.has);
    might = std::max(might, worth.might);
    choice.batches.push_back(std::move(placed));
  }
  if (most == -kCannot) return none_keeps(choice.batches, options.latency_bound);
  choice.proven = might <= most + kSame * std::abs(most);
  choice.value = std::abs(most);
  choice.bound = choice.proven ? choice.value : std::abs(might);
  return choice;
}

}  // namespace sparseloom::place
