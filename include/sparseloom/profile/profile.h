// profile: what every subgraph costs on every processor and how accurate every stitched variant is; measuring it and
// keeping it. Decides nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/soc/subgraph.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::profile {

/// How the machine was while something was measured on some of its cores. What the system does not say is 0 or empty.
struct Conditions {
  double steal = 0;      ///< share of the cores' time that the hypervisor gave to other machines, 0..1
  double foreign = 0;    ///< share of the time that threads of the measurement waited for others to leave a core, 0..1
  double mhz = 0;        ///< mean frequency of the cores
  std::string governor;  ///< what sets the frequency: "performance", "powersave"
};

/// Why a provider that a processor offers was not measured for a subgraph, and so serves it in no plan.
enum class LeftOut : std::uint8_t {
  kNo,
  /// It ran the same stage of the dense variant much slower than another provider; on a gang, not faster than a member
  /// of it does alone.
  kSlower,
  kUnsupported,  ///< the variant is not there in its format, or it cannot compile or run it
  kDisagrees,    ///< its answers differ from the first provider's by more than rounding
};
/// "slower", "unsupported", "disagrees"; "" for kNo.
std::string_view to_string(LeftOut reason);

/// One subgraph on one processor, or gang of them, by one of its providers, alone.
struct Latency {
  Seconds median{0};
  Seconds q1{0};
  Seconds q3{0};
  std::int64_t count = 0;  ///< runs measured
  Bytes resident;          ///< memory the compiled subgraph keeps, measured from the process
  Conditions conditions = {};
  LeftOut left_out = LeftOut::kNo;  ///< then no plan may use it; count may be 0

  /// Measured, or left out for a reason.
  bool settled() const { return count > 0 || left_out != LeftOut::kNo; }
  /// (q3 - q1) / median; 0 if nothing was measured.
  double spread() const { return median > Seconds(0) ? (q3 - q1) / median : 0.0; }
};

/// Whether it was measured on a busy machine: it scatters too much, or others took the core too often, for its median
/// to be that of a quiet one.
bool disturbed(const Latency& latency);

/// Correct answers of a stitched variant on one split.
struct Accuracy {
  std::int64_t correct = 0;
  std::int64_t samples = 0;
  double fraction() const { return samples == 0 ? 0.0 : static_cast<double>(correct) / static_cast<double>(samples); }
};

/// Accuracy of a stitched variant that was not run, as an estimator sees it (docs/estimators.md). Fractions 0..1.
struct AccuracyEstimate {
  double value = 0;  ///< expected
  double lower = 0;  ///< holds with the promised probability for what a planner picks; at most `value`
};

/// Zeros among the elements that one stage of a variant hands to the next, all stages being that variant's.
struct Sparsity {
  double mean = 0;           ///< their share, 0..1, as sparseloom::sparsity() sees it; the mean over samples
  std::int64_t samples = 0;  ///< of the profile split
};

/// One task's measurements, dense arrays. Absent entries have count/samples 0. Ids and σ must be of the task, and are
/// not checked. A value: threads may read it while none writes. O(1), by σ O(stages).
class TaskProfile {
 public:
  /// Nothing measured yet. `places`: soc::Pools::places(). Takes memory for V^S accuracies.
  TaskProfile(std::size_t variants, std::size_t stages, std::size_t places);

  std::size_t variants() const { return variants_; }
  std::size_t stages() const { return stages_; }
  std::size_t places() const { return places_; }
  /// V^S.
  std::size_t stitched() const { return accuracy_profile_.size(); }

  /// Of one subgraph on one place by one of its providers, run alone.
  const Latency& latency(zoo::VariantId v, zoo::StageId i, soc::ProcessorId p, backend::Provider b) const {
    return latency_[index_of(v, i, p, b)];
  }
  void set_latency(zoo::VariantId v, zoo::StageId i, soc::ProcessorId p, backend::Provider b, const Latency& latency);
  /// All places, in no order that matters; those not measured have count 0.
  const std::vector<Latency>& latencies() const { return latency_; }

  /// Of every stage but the last.
  const Sparsity& sparsity(zoo::VariantId v, zoo::StageId i) const { return sparsity_[index_of(v, i)]; }
  void set_sparsity(zoo::VariantId v, zoo::StageId i, const Sparsity& sparsity) {
    sparsity_[index_of(v, i)] = sparsity;
  }

  /// Accuracy on the profile split (what plans use) and on the test split (what reports call accuracy_test).
  const Accuracy& accuracy(const zoo::Sigma& sigma) const;
  const Accuracy& accuracy_test(const zoo::Sigma& sigma) const;
  /// The first by σ's position, below stitched().
  const Accuracy& accuracy(std::size_t index) const { return accuracy_profile_[index]; }
  void set_accuracy(const zoo::Sigma& sigma, const Accuracy& accuracy);
  void set_accuracy_test(const zoo::Sigma& sigma, const Accuracy& accuracy);

  /// Estimate of the accuracy on the profile split; none: never estimated. What was measured counts before it.
  const std::optional<AccuracyEstimate>& accuracy_estimate(const zoo::Sigma& sigma) const;
  const std::optional<AccuracyEstimate>& accuracy_estimate(std::size_t index) const {
    return accuracy_estimate_[index];
  }
  void set_accuracy_estimate(const zoo::Sigma& sigma, const AccuracyEstimate& estimate);

  /// Position of σ in the enumeration where the last stage runs fastest; and back.
  std::size_t index_of(const zoo::Sigma& sigma) const;
  zoo::Sigma sigma_at(std::size_t index) const;

 private:
  std::size_t index_of(zoo::VariantId v, zoo::StageId i) const { return v.index() * stages_ + i.index(); }
  std::size_t index_of(zoo::VariantId v, zoo::StageId i, soc::ProcessorId p, backend::Provider b) const {
    const std::size_t on_place = index_of(v, i) * places_ + p.index();
    return on_place * backend::kProviders.size() + static_cast<std::size_t>(b);
  }

  std::size_t variants_, stages_, places_;
  std::vector<Latency> latency_;
  std::vector<Sparsity> sparsity_;
  std::vector<Accuracy> accuracy_profile_, accuracy_test_;
  std::vector<std::optional<AccuracyEstimate>> accuracy_estimate_;
};

/// What serving does to run times that were measured one after another: stages that run at the same time on different
/// processors slow each other down (caches and memory that they share), stages that have not run for a while find the
/// caches cold (cold-cache penalty), and run times vary about their mean (latency variability). A value.
class Contention {
 public:
  /// Nothing is known: nothing slows anything.
  Contention() = default;
  Contention(const zoo::Zoo& zoo, const soc::Soc& soc);

  /// A stage of a task where it runs. Of all its variants: equal across variants.
  struct Stage {
    zoo::TaskId task;
    zoo::StageId stage;
    soc::ProcessorId processor;
  };
  /// The time that `stage` takes while `neighbour` runs over that which it takes while nothing else does; 1 if that is
  /// not known.
  double slowdown(const Stage& stage, const Stage& neighbour) const;
  /// Over the stages of both tasks and all pairs of processors, gangs left out; 1 if it is not known.
  double mean_slowdown(zoo::TaskId task, zoo::TaskId neighbour) const;
  void set_slowdown(const Stage& stage, const Stage& neighbour, double slowdown);

  /// What a stage takes more once its processor, or those of its pool on average, have idled for so long since it ran
  /// last.
  struct ColdPenalty {
    Seconds idle{0};
    Seconds extra{0};
  };
  /// That extra time: linear between measured points, from none at no idling; beyond the last point it stays. None if
  /// nothing is known.
  Seconds cold_penalty(const Stage& stage, Seconds idle) const;
  const std::vector<ColdPenalty>& cold_penalties(const Stage& stage) const { return cold_penalties_[index_of(stage)]; }
  /// `points`: by idle time, ascending, above 0.
  void set_cold_penalties(const Stage& stage, std::vector<ColdPenalty> points) {
    cold_penalties_[index_of(stage)] = std::move(points);
  }

  bool cold_penalty_known() const;  ///< whether it was measured what idling costs
  bool known() const;               ///< whether anything was measured
  /// Run time over its mean, `u` in 0..1 being the share of runs that take less; 1 if that is not known.
  double variability(double u) const;
  /// By that share, evenly spaced from 0 to 1, ascending.
  const std::vector<double>& variability() const { return variability_; }
  void set_variability(std::vector<double> ascending) { variability_ = std::move(ascending); }

 private:
  std::size_t index_of(const Stage& stage) const {
    return (first_stage_[stage.task.index()] + stage.stage.index()) * places_ + stage.processor.index();
  }
  std::vector<std::size_t> first_stage_;  // by task and one more: of all tasks' stages in a row
  std::size_t processors_ = 0;
  std::size_t places_ = 0;
  std::size_t entries_ = 0;  // stages times places
  std::vector<double> slowdown_;
  std::vector<std::vector<ColdPenalty>> cold_penalties_;
  std::vector<double> variability_;
};

/// What plans take for the accuracy of a σ that was estimated and not measured.
enum class EstimateUse { kValue, kLower };

/// Everything plans and reports ask about. A value.
struct Profile {
  std::vector<TaskProfile> tasks;  ///< by zoo::TaskId
  /// Moving one boundary tensor set between memory domains: seconds per byte and per hop; 0 inside one domain.
  Seconds transfer_latency{0};
  double transfer_seconds_per_byte = 0;
  EstimateUse use_estimates = EstimateUse::kValue;
  Contention contention;
  /// Bytes that stage i hands to stage i+1, [task][i], S-1 entries per task. Needed only where transfers cost per byte.
  std::vector<std::vector<Bytes>> boundary;

  const TaskProfile& task(zoo::TaskId id) const { return tasks[id.index()]; }
  /// Of the one batch that is measured, 1.
  const Latency& latency(const soc::SubgraphKey& s) const {
    return task(s.task).latency(s.variant, s.stage, s.processor, s.provider);
  }
  void set_latency(const soc::SubgraphKey& s, const Latency& latency) {
    tasks[s.task.index()].set_latency(s.variant, s.stage, s.processor, s.provider, latency);
  }
};

/// How many latencies a profile holds, and how many of them are disturbed().
struct LatencyCounts {
  std::size_t measured = 0;
  std::size_t disturbed = 0;
};
LatencyCounts count_latencies(const TaskProfile& task);
LatencyCounts count_latencies(const Profile& profile);

/// A profile of the right sizes in which nothing is measured yet.
Profile empty_profile(const zoo::Zoo& zoo, const soc::Soc& soc);

}  // namespace sparseloom::profile
