#include "sparseloom/simulate/changing_machine.h"

#include <algorithm>

#include "sparseloom/base/statistics.h"
#include "sparseloom/base/uniform.h"

namespace sparseloom::simulate {
namespace {

constexpr double kAsGood = 1.05;  // times the best latency

// Nearly normal, of mean 0 and deviation 1, by additions alone, which are the same everywhere.
double about_zero(std::mt19937_64& bits) {
  constexpr int kDraws = 12;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) sum += uniform(bits);
  return sum - kDraws / 2.0;
}

// How long after each change it took until a placement as good as the best one was in use.
class Reaction {
 public:
  void inference(bool as_good) {
    ++inferences_;
    if (as_good && !replaced_) replaced_ = inferences_ - 1;
  }
  void change(std::vector<std::size_t>& until) {
    if (inferences_ > 0 && replaced_ != 0U) until.push_back(replaced_.value_or(TraceRun::kNever));
    *this = {};
  }

 private:
  std::size_t inferences_ = 0;
  std::optional<std::size_t> replaced_;
};

}  // namespace

ChangingMachine::ChangingMachine(const place::CostTable& table, const place::StateTrace& trace,
                                 std::vector<place::Placement> best, place::CostModel model,
                                 const MeasurementNoise& noise)
    : table_(table),
      trace_(trace),
      best_(std::move(best)),
      model_(model),
      noise_(noise),
      played_(trace.changes.size()) {}

const ChangingMachine::Played& ChangingMachine::play(std::size_t change, const place::Placement& placement) {
  const auto [at, fresh] = played_[change].try_emplace(placement);
  if (fresh) {
    const place::CostTable now = place::in_state(table_, trace_.changes[change].state);
    at->second = {.latency = place::latency_of(now, placement, model_), .busy = place::busy_of(now, placement)};
  }
  return at->second;
}

ChangingMachine::Played ChangingMachine::infer(std::size_t change, double now, const place::Placement& placement) {
  Played all{.latency = 0, .busy = {.processors = std::vector<double>(table_.processors.size())}};
  for (double left = 1; left > 0; ++change) {
    const Played& whole = play(change, placement);
    const bool last = change + 1 == trace_.changes.size();
    const double until = last ? place::kCannot : trace_.changes[change + 1].at.count() - (now + all.latency);
    const bool ends = left * whole.latency <= until;
    const double done = ends ? left : until / whole.latency;
    all.latency += ends ? left * whole.latency : until;
    for (std::size_t p = 0; p < whole.busy.processors.size(); ++p)
      all.busy.processors[p] += done * whole.busy.processors[p];
    all.busy.copies += done * whole.busy.copies;
    left = ends ? 0 : left - done;
  }
  return all;
}

template <typename Choose, typename Observe>
TraceRun ChangingMachine::run(Choose choose, Observe observe) {
  TraceRun result;
  std::vector<double> latencies;
  Reaction reaction;
  std::size_t change = 0;
  double now = 0;
  const double end = trace_.end.count() * (1 - 1e-9);  // rounding apart
  while (now < end && latencies.size() < TraceRun::kMost) {
    for (; change + 1 < trace_.changes.size() && trace_.changes[change + 1].at.count() <= now; ++change)
      reaction.change(result.until_replaced);
    const place::Placement& placement = choose(change);
    reaction.inference(play(change, placement).latency <= kAsGood * best_latency(change));
    const Played played = infer(change, now, placement);
    latencies.push_back(played.latency);
    now += played.latency;
    observe(played.busy, now);
  }
  reaction.change(result.until_replaced);
  result.inferences = latencies.size();
  result.mean = Seconds(now / static_cast<double>(latencies.size()));
  result.median = Seconds(quartiles(std::move(latencies)).median);
  return result;
}

TraceRun ChangingMachine::keep(const place::Placement& placement) {
  return run([&](std::size_t) -> const place::Placement& { return placement; }, [](const place::Busy&, double) {});
}

TraceRun ChangingMachine::oracle() {
  return run([&](std::size_t change) -> const place::Placement& { return best_[change]; },
             [](const place::Busy&, double) {});
}

TraceRun ChangingMachine::control(place::PlacementController& controller) { return control(controller, {}, {}); }

TraceRun ChangingMachine::control(place::PlacementController& controller, const place::PlaceFor& anew, Seconds takes) {
  std::mt19937_64 bits(noise_.seed);
  std::optional<place::MachineState> wanted;
  double ready = 0;
  return run([&](std::size_t) -> const place::Placement& { return controller.placements()[controller.active()]; },
             [&](const place::Busy& busy, double now) {
               controller.observe(controller.active(), measure(busy, bits));
               if (!wanted && anew) {
                 wanted = controller.wanted();
                 ready = now + takes.count();
               }
               if (!wanted || now < ready) return;
               auto placement = anew(*wanted);
               // One that cannot be run is as good as none.
               static_cast<void>(controller.offer(
                   *wanted, placement.ok() ? std::optional(std::move(placement).value()) : std::nullopt));
               wanted.reset();
             });
}

place::Busy ChangingMachine::measure(place::Busy busy, std::mt19937_64& bits) const {
  constexpr double kLeast = 0.05;
  const auto disturbed = [&](double seconds) {
    const double factor = std::max(kLeast, 1 + noise_.spread * about_zero(bits));
    return seconds * factor * (uniform(bits) < noise_.outliers ? noise_.outlier : 1);
  };
  for (double& seconds : busy.processors) seconds = disturbed(seconds);
  busy.copies = disturbed(busy.copies);
  return busy;
}

Result<std::vector<place::Placement>> best_by_change(const place::CostTable& table, const place::StateTrace& trace,
                                                     const place::PlaceFor& place,
                                                     const std::vector<place::Placement>& others,
                                                     place::CostModel model) {
  std::vector<place::Placement> best;
  for (std::size_t c = 0; c < trace.changes.size(); ++c) {
    const place::MachineState& state = trace.changes[c].state;
    const auto same = [&](const place::StateTrace::Change& other) { return !place::differ(other.state, state, 0); };
    const auto before = std::find_if(trace.changes.begin(), trace.changes.end(), same) - trace.changes.begin();
    if (static_cast<std::size_t>(before) < c) {
      best.push_back(best[static_cast<std::size_t>(before)]);
      continue;
    }
    SL_ASSIGN_OR_RETURN(place::Placement placement, place(state));
    const place::CostTable now = place::in_state(table, state);
    double least = place::latency_of(now, placement, model);
    for (const place::Placement& other : others) {
      const double latency = place::latency_of(now, other, model);
      if (latency >= least) continue;
      least = latency;
      placement = other;
    }
    best.push_back(std::move(placement));
  }
  return best;
}

}  // namespace sparseloom::simulate
