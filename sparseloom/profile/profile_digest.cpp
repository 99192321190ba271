#include "sparseloom/profile/profile_digest.h"

#include <bit>
#include <concepts>

#include "sparseloom/base/file.h"

namespace sparseloom::profile {
namespace {

// Numbers in a row, eight bytes each.
class Numbers {
 public:
  void add(std::integral auto value) { put(static_cast<std::uint64_t>(value)); }
  void add(double value) { put(std::bit_cast<std::uint64_t>(value)); }
  void add(Seconds value) { add(value.count()); }
  void add(Bytes value) { add(value.count); }
  template <typename... Values>
    requires(sizeof...(Values) > 1)
  void add(Values... values) {
    (add(values), ...);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void put(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(value >> shift & 0xFF);
  }
  std::string bytes_;
};

void add_task(Numbers& to, const TaskProfile& task, bool everything) {
  to.add(task.variants(), task.stages(), task.places());
  for (std::size_t v = 0; v < task.variants(); ++v) {
    for (std::size_t i = 0; i < task.stages(); ++i) {
      const zoo::VariantId variant(v);
      const zoo::StageId stage(i);
      for (std::size_t p = 0; p < task.places(); ++p) {
        for (const backend::Provider provider : backend::kProviders) {
          const Latency& l = task.latency(variant, stage, soc::ProcessorId(p), provider);
          to.add(l.median, l.resident);
          if (everything) to.add(l.q1, l.q3, l.count, l.conditions.steal, l.conditions.foreign);
        }
      }
      to.add(task.sparsity(variant, stage).mean);
      if (everything) to.add(task.sparsity(variant, stage).samples);
    }
  }
  for (std::size_t s = 0; s < task.stitched(); ++s) {
    const zoo::Sigma sigma = task.sigma_at(s);
    to.add(task.accuracy(sigma).correct, task.accuracy(sigma).samples);
    if (everything) to.add(task.accuracy_test(sigma).correct, task.accuracy_test(sigma).samples);
    const auto& estimate = task.accuracy_estimate(sigma);
    to.add(estimate.has_value());
    if (estimate) to.add(estimate->value, estimate->lower);
  }
}

void add_contention(Numbers& to, const Profile& profile, bool everything) {
  const Contention& contention = profile.contention;
  const bool known = everything ? contention.known() : contention.cold_penalty_known();
  to.add(known);
  if (!known) return;
  std::vector<Contention::Stage> stages;
  for (std::size_t t = 0; t < profile.tasks.size(); ++t) {
    for (std::size_t i = 0; i < profile.tasks[t].stages(); ++i) {
      for (std::size_t p = 0; p < profile.tasks[t].places(); ++p) {
        stages.push_back({zoo::TaskId(t), zoo::StageId(i), soc::ProcessorId(p)});
      }
    }
  }
  for (const auto& stage : stages) {
    to.add(contention.cold_penalties(stage).size());
    for (const auto& [idle, extra] : contention.cold_penalties(stage)) to.add(idle, extra);
    if (!everything) continue;
    for (const auto& neighbour : stages) to.add(contention.slowdown(stage, neighbour));
  }
  if (!everything) return;
  for (const double factor : contention.variability()) to.add(factor);
}

}  // namespace

std::string profile_digest(const Profile& profile, Covers covers) {
  const bool everything = covers == Covers::kEverything;
  Numbers numbers;
  numbers.add(profile.tasks.size(), profile.transfer_latency, profile.transfer_seconds_per_byte,
              static_cast<int>(profile.use_estimates));
  for (const TaskProfile& task : profile.tasks) add_task(numbers, task, everything);
  for (const auto& sizes : profile.boundary) {
    for (const Bytes size : sizes) numbers.add(size);
  }
  add_contention(numbers, profile, everything);
  return checksum(numbers.bytes());
}

}  // namespace sparseloom::profile
