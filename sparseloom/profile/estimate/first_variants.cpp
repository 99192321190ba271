#include "sparseloom/profile/estimate/first_variants.h"

namespace sparseloom::profile {

zoo::Zoo first_variants(zoo::Zoo zoo, std::size_t count) {
  for (zoo::Task& task : zoo.tasks) {
    if (task.variants.size() > count) task.variants.resize(count);
  }
  return zoo;
}

TaskProfile first_variants(const TaskProfile& profile, std::size_t count) {
  TaskProfile first(count, profile.stages(), profile.places());
  for (std::size_t v = 0; v < count; ++v) {
    for (std::size_t s = 0; s < profile.stages(); ++s) {
      const zoo::VariantId variant(v);
      const zoo::StageId stage(s);
      first.set_sparsity(variant, stage, profile.sparsity(variant, stage));
      for (std::size_t p = 0; p < profile.places(); ++p) {
        const soc::ProcessorId processor(p);
        for (const backend::Provider b : backend::kProviders) {
          first.set_latency(variant, stage, processor, b, profile.latency(variant, stage, processor, b));
        }
      }
    }
  }
  for (std::size_t i = 0; i < first.stitched(); ++i) {
    const zoo::Sigma sigma = first.sigma_at(i);
    first.set_accuracy(sigma, profile.accuracy(sigma));
    first.set_accuracy_test(sigma, profile.accuracy_test(sigma));
    if (const auto& estimate = profile.accuracy_estimate(sigma)) first.set_accuracy_estimate(sigma, *estimate);
  }
  return first;
}

}  // namespace sparseloom::profile
