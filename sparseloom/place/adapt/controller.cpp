#include "sparseloom/place/adapt/controller.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparseloom::place {
namespace {

constexpr double kPredictAgain = 0.03;  // predictions are kept while no slow-down moves by more
constexpr double kOfferAgain = 0.1;

bool is_placement_of(const CostTable& table, const Placement& placement) {
  const auto is_share = [&](const Share& share) {
    return share.size() == table.processors.size() &&
           std::all_of(share.begin(), share.end(), [](std::uint8_t quarters) { return quarters <= kQuarters; }) &&
           std::accumulate(share.begin(), share.end(), std::size_t{0}) == kQuarters;
  };
  return placement.size() == table.groups.size() && std::all_of(placement.begin(), placement.end(), is_share);
}

}  // namespace

PlacementController::PlacementController(CostTable table, const ControllerOptions& options)
    : table_(std::move(table)),
      options_(options),
      estimate_(table_, options.window),
      predicted_for_(usual_state(table_)),
      offered_for_(predicted_for_),
      probes_(estimate_.parts()),
      plans_(estimate_.parts()),
      needed_(options.agreeing) {
  options_.agreeing = needed_ = std::max<std::size_t>(options.agreeing, 1);
}

Result<PlacementController> PlacementController::create(CostTable table, std::vector<Placement> placements,
                                                        const ControllerOptions& options) {
  SL_RETURN_IF_ERROR(check(table));
  if (placements.empty()) return error(Code::kInvalidArgument, "no placement to begin with");
  PlacementController controller(std::move(table), options);
  for (Placement& placement : placements) SL_RETURN_IF_ERROR(controller.add(std::move(placement)));
  return controller;
}

Status PlacementController::add(Placement placement) {
  if (!is_placement_of(table_, placement) || latency_of(table_, placement, options_.model) == kCannot) {
    return error(Code::kInvalidArgument, "placement {}: the processors cannot run the model's {} operator groups so",
                 placements_.size(), table_.groups.size());
  }
  telltales_.emplace_back(table_, placement);
  latencies_.push_back(latency_of(in_state(table_, predicted_for_), placement, options_.model));
  // As if it had been there, and the machine been to it what it was to the one in use.
  const bool known = !means_.empty() && latencies_[settled_] > 0;
  means_.push_back(latencies_.back() * (known ? means_[settled_] / latencies_[settled_] : 1));
  left_.emplace_back();
  placements_.push_back(std::move(placement));
  return {};
}

std::optional<std::size_t> PlacementController::observe(std::size_t placement, const Busy& measured) {
  ++now_;
  const std::size_t before = active_;
  estimate_.observe(telltales_[placement], measured);
  if (probe_ && placement == active_) look(measured);
  predict();
  for (std::size_t i = 0; i < means_.size(); ++i) means_[i] += (latencies_[i] - means_[i]) / kMemory;
  if (now_ > changed_ && (now_ - changed_) % kQuiet == 0) needed_ = std::max(options_.agreeing, needed_ / 2);
  if (placement == active_) decide();
  return active_ == before ? std::nullopt : std::optional(active_);
}

// One look is enough to see that a processor is still slow, and every look must say that it is not: so what counts is
// the slowest one.
void PlacementController::look(const Busy& measured) {
  const auto seen = telltales_[active_].slow_down(measured, probe_->part);
  if (seen) probe_->slowest = std::max(probe_->slowest, *seen);
  const bool faster = probe_->slowest > 0 && probe_->slowest < probe_->believed;
  estimate_.assume(probe_->part, faster ? probe_->slowest : probe_->believed);
}

std::optional<MachineState> PlacementController::wanted() const {
  if (placements_.size() >= options_.most_kept || !differ(estimate_.state(), offered_for_, kOfferAgain)) return {};
  return estimate_.state();
}

Status PlacementController::offer(const MachineState& state, std::optional<Placement> placement) {
  offered_for_ = state;
  ++counts_.offers;
  if (!placement || std::find(placements_.begin(), placements_.end(), *placement) != placements_.end()) return {};
  SL_RETURN_IF_ERROR(add(std::move(*placement)));
  plans_.assign(plans_.size(), std::nullopt);
  return {};
}

void PlacementController::predict() {
  if (!differ(estimate_.state(), predicted_for_, kPredictAgain)) return;
  if (differ(estimate_.state(), predicted_for_, StateEstimate::kChange)) changed_ = now_;
  predicted_for_ = estimate_.state();
  const CostTable now = in_state(table_, predicted_for_);
  for (std::size_t i = 0; i < placements_.size(); ++i) latencies_[i] = latency_of(now, placements_[i], options_.model);
  plans_.assign(plans_.size(), std::nullopt);
}

void PlacementController::decide() {
  const std::vector<double>& by = restless() ? means_ : latencies_;
  const auto best = static_cast<std::size_t>(std::min_element(by.begin(), by.end()) - by.begin());
  const bool better = by[best] < (1 - options_.gain) * by[settled_];
  agreed_ = better ? agreed_ + 1 : 0;
  if (agreed_ >= (probe_ ? options_.agreeing : needed_)) {  // a probe ends at the first look that disagrees
    switch_to(best);
  } else if (probe_ && !better) {
    probe_.reset();
    active_ = settled_;
  } else if (!probe_) {
    start_probe();
  }
}

void PlacementController::switch_to(std::size_t placement) {
  if (left_[placement] && now_ - *left_[placement] < kQuiet) needed_ = std::min(2 * needed_, kMostAgreeing);
  left_[settled_] = now_;
  settled_ = active_ = placement;
  probe_.reset();
  plans_.assign(plans_.size(), std::nullopt);
  for (Part part = 0; part < probes_.size(); ++part)
    if (telltales_[placement].tells(part)) probes_[part] = 0;
  agreed_ = 0;
  changed_ = now_;
  ++counts_.switches;
}

void PlacementController::start_probe() {
  for (Part part = 0; part < plans_.size(); ++part) {
    if (estimate_.unseen(part) < kLeastPatience || slow_down(estimate_.state(), part) <= 1 + options_.gain) continue;
    if (!plans_[part]) plans_[part] = plan_probe(part);
    if (static_cast<double>(estimate_.unseen(part)) < patience_with(part)) continue;
    ++probes_[part];
    agreed_ = 0;
    probe_ = Probe{.part = part, .believed = slow_down(estimate_.state(), part)};
    active_ = plans_[part]->placement;
    ++counts_.probes;
    return;
  }
}

double PlacementController::patience_with(Part part) const {
  const double longest = plans_[part]->patience;
  if (longest == kCannot) return longest;
  return std::min(longest, std::ldexp(static_cast<double>(kLeastPatience), static_cast<int>(probes_[part])));
}

PlacementController::ProbePlan PlacementController::plan_probe(Part part) const {
  MachineState hoped = predicted_for_;
  set_slow_down(hoped, part, 1);
  const CostTable recovered = in_state(table_, hoped);
  const double enough = (1 - options_.gain) * latency_of(recovered, placements_[settled_], options_.model);
  bool worthwhile = false;
  std::optional<std::size_t> by;
  for (std::size_t i = 0; i < placements_.size(); ++i) {
    if (!telltales_[i].tells(part)) continue;
    worthwhile = worthwhile || latency_of(recovered, placements_[i], options_.model) < enough;
    if (!by || latencies_[i] < latencies_[*by]) by = i;
  }
  if (!worthwhile) return {};
  const double cost = latencies_[*by] / latencies_[settled_] - 1;
  return {.placement = *by, .patience = std::max(static_cast<double>(kLeastPatience), cost / options_.probing)};
}

}  // namespace sparseloom::place
