// Private to profile: a made-up task whose truth is known, to try and to time estimators without models.
#pragma once

#include "sparseloom/profile/estimate/estimate_task.h"

namespace sparseloom::bench {

struct SyntheticShape {
  std::size_t variants = 10, stages = 3, samples = 1000, classes = 10;
};

/// Variant v costs more accuracy than v-1, at every stage: sample n is answered with a margin that grows with n and
/// that every stage lowers by its variant's level. Compressed is faster. Everything is a pure function of the shape.
class SyntheticTask {
 public:
  explicit SyntheticTask(const SyntheticShape& shape);

  /// 0.6 v/V: as a distance from dense, and as what a margin loses.
  double level(zoo::VariantId v) const;
  profile::Observation observe(const zoo::Sigma& sigma) const;

  /// For estimate_task(), `observe` being ours. This object must outlive it.
  profile::EstimationInput input() const;
  const zoo::Task& task() const { return task_; }
  const profile::OutputDistances& distances() const { return distances_; }
  const std::vector<std::int32_t>& labels() const { return labels_; }

 private:
  void fill(profile::OutputDistances::Part& part) const;

  SyntheticShape shape_;
  zoo::Task task_;
  profile::OutputDistances distances_;
  std::vector<std::int32_t> labels_;
};

}  // namespace sparseloom::bench
