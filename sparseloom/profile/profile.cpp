#include "sparseloom/profile/profile.h"

#include "sparseloom/base/statistics.h"

namespace sparseloom::profile {
namespace {

std::size_t power(std::size_t base, std::size_t exponent) {
  std::size_t result = 1;
  for (std::size_t i = 0; i < exponent; ++i) result *= base;
  return result;
}

// Quartiles of a quiet machine lie 1 to 10 % of the median apart. One that ran at two speeds in one measurement, or
// shared the core for a part of it, has them 40 % and more apart; its median is of neither speed.
constexpr double kMostSpread = 0.3;
// Of a stage that takes microseconds, the clock and a cold cache make that much too; it matters to no plan.
constexpr Seconds kLeastSpread{5e-6};
// Time that others had on the core is missing in runs that it fell into: with a tenth of it gone, latencies are longer
// by about as much, which is what a median may be off. A hypervisor says only a part of what it takes, so half of that.
constexpr double kMostForeign = 0.1;
constexpr double kMostSteal = 0.05;

// What no measurement is needed for: the variant is not there in a form that the provider runs.
void mark_unsupported(const zoo::Task& task, const soc::Soc& soc, TaskProfile& profile) {
  Latency unsupported;
  unsupported.left_out = LeftOut::kUnsupported;
  for (std::size_t p = 0; p < soc.processors.places(); ++p) {
    for (const backend::Provider b : soc.processors[p].providers) {
      for (std::size_t v = 0; v < task.variants.size(); ++v) {
        if (zoo::is_there_for(task.variants[v], b)) continue;
        for (std::size_t i = 0; i < task.stages(); ++i) {
          profile.set_latency(zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), b, unsupported);
        }
      }
    }
  }
}

}  // namespace

std::string_view to_string(LeftOut reason) {
  switch (reason) {
    case LeftOut::kNo: return "";
    case LeftOut::kSlower: return "slower";
    case LeftOut::kUnsupported: return "unsupported";
    case LeftOut::kDisagrees: break;
  }
  return "disagrees";
}

bool disturbed(const Latency& latency) {
  const bool scatters = latency.spread() > kMostSpread && latency.q3 - latency.q1 > kLeastSpread;
  return scatters || latency.conditions.steal > kMostSteal || latency.conditions.foreign > kMostForeign;
}

TaskProfile::TaskProfile(std::size_t variants, std::size_t stages, std::size_t places)
    : variants_(variants),
      stages_(stages),
      places_(places),
      latency_(variants * stages * places * backend::kProviders.size()),
      sparsity_(variants * stages),
      accuracy_profile_(power(variants, stages)),
      accuracy_test_(accuracy_profile_.size()),
      accuracy_estimate_(accuracy_profile_.size()) {}

void TaskProfile::set_latency(zoo::VariantId v, zoo::StageId i, soc::ProcessorId p, backend::Provider b,
                              const Latency& latency) {
  latency_[index_of(v, i, p, b)] = latency;
}

const Accuracy& TaskProfile::accuracy(const zoo::Sigma& sigma) const { return accuracy_profile_[index_of(sigma)]; }
const Accuracy& TaskProfile::accuracy_test(const zoo::Sigma& sigma) const { return accuracy_test_[index_of(sigma)]; }

void TaskProfile::set_accuracy(const zoo::Sigma& sigma, const Accuracy& accuracy) {
  accuracy_profile_[index_of(sigma)] = accuracy;
}

void TaskProfile::set_accuracy_test(const zoo::Sigma& sigma, const Accuracy& accuracy) {
  accuracy_test_[index_of(sigma)] = accuracy;
}

const std::optional<AccuracyEstimate>& TaskProfile::accuracy_estimate(const zoo::Sigma& sigma) const {
  return accuracy_estimate_[index_of(sigma)];
}

void TaskProfile::set_accuracy_estimate(const zoo::Sigma& sigma, const AccuracyEstimate& estimate) {
  accuracy_estimate_[index_of(sigma)] = estimate;
}

std::size_t TaskProfile::index_of(const zoo::Sigma& sigma) const {
  std::size_t index = 0;
  for (const zoo::VariantId v : sigma) index = index * variants_ + v.index();
  return index;
}

zoo::Sigma TaskProfile::sigma_at(std::size_t index) const {
  zoo::Sigma sigma(stages_);
  for (std::size_t i = stages_; i-- > 0; index /= variants_) sigma[i] = zoo::VariantId(index % variants_);
  return sigma;
}

Contention::Contention(const zoo::Zoo& zoo, const soc::Soc& soc)
    : processors_(soc.processors.size()), places_(soc.processors.places()) {
  std::size_t stages = 0;
  for (const zoo::Task& task : zoo.tasks) {
    first_stage_.push_back(stages);
    stages += task.stages();
  }
  first_stage_.push_back(stages);
  entries_ = stages * places_;
  slowdown_.assign(entries_ * entries_, 1.0);
  cold_penalties_.resize(entries_);
}

double Contention::slowdown(const Stage& stage, const Stage& neighbour) const {
  return slowdown_.empty() ? 1.0 : slowdown_[index_of(stage) * entries_ + index_of(neighbour)];
}

double Contention::mean_slowdown(zoo::TaskId task, zoo::TaskId neighbour) const {
  if (slowdown_.empty()) return 1.0;
  double sum = 0, count = 0;
  const auto places_of = [this](zoo::TaskId t) {
    return std::pair(first_stage_[t.index()] * places_, first_stage_[t.index() + 1] * places_);
  };
  const auto [a_first, a_end] = places_of(task);
  const auto [b_first, b_end] = places_of(neighbour);
  for (std::size_t a = a_first; a < a_end; ++a) {
    for (std::size_t b = b_first; b < b_end; ++b) {
      const std::size_t p = a % places_, q = b % places_;
      if (p == q || p >= processors_ || q >= processors_) continue;
      sum += slowdown_[a * entries_ + b];
      ++count;
    }
  }
  return count > 0 ? sum / count : 1.0;
}

void Contention::set_slowdown(const Stage& stage, const Stage& neighbour, double slowdown) {
  slowdown_[index_of(stage) * entries_ + index_of(neighbour)] = slowdown;
}

Seconds Contention::cold_penalty(const Stage& stage, Seconds idle) const {
  if (cold_penalties_.empty() || idle <= Seconds(0)) return Seconds(0);
  ColdPenalty before;
  for (const ColdPenalty& point : cold_penalties(stage)) {
    if (idle < point.idle) {
      return before.extra + (point.extra - before.extra) * ((idle - before.idle) / (point.idle - before.idle));
    }
    before = point;
  }
  return before.extra;
}

bool Contention::cold_penalty_known() const {
  return std::any_of(cold_penalties_.begin(), cold_penalties_.end(),
                     [](const auto& points) { return !points.empty(); });
}

bool Contention::known() const { return !variability_.empty() || cold_penalty_known(); }

double Contention::variability(double u) const { return variability_.empty() ? 1.0 : quantile(variability_, u); }

LatencyCounts count_latencies(const TaskProfile& task) {
  LatencyCounts counts;
  for (const Latency& latency : task.latencies()) {
    if (latency.count == 0) continue;
    ++counts.measured;
    counts.disturbed += disturbed(latency) ? 1 : 0;
  }
  return counts;
}

LatencyCounts count_latencies(const Profile& profile) {
  LatencyCounts all;
  for (const TaskProfile& task : profile.tasks) {
    const LatencyCounts counts = count_latencies(task);
    all.measured += counts.measured;
    all.disturbed += counts.disturbed;
  }
  return all;
}

Profile empty_profile(const zoo::Zoo& zoo, const soc::Soc& soc) {
  Profile profile;
  for (const zoo::Task& task : zoo.tasks) {
    TaskProfile& made = profile.tasks.emplace_back(task.variants.size(), task.stages(), soc.processors.places());
    mark_unsupported(task, soc, made);
    // Nothing can be promised of a task whose accuracy is unknown, and nothing need be measured.
    for (std::size_t i = 0; i < made.stitched() && !task.accuracy_known(); ++i)
      made.set_accuracy_estimate(made.sigma_at(i), {});
  }
  return profile;
}

}  // namespace sparseloom::profile
