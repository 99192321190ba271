#include "bench/synthetic/synthetic_task.h"

#include <cmath>

namespace sparseloom::bench {
namespace {

constexpr double kMostLevel = 0.6, kMostMargin = 2;

}  // namespace

SyntheticTask::SyntheticTask(const SyntheticShape& shape)
    : shape_(shape), distances_(profile::output_parts(shape.variants, shape.stages)), labels_(shape.samples, 0) {
  for (std::size_t v = 0; v < shape.variants; ++v) {
    zoo::Variant& variant = task_.variants.emplace_back();
    variant.name = fmt::format("v{}", v);
    variant.compression = {"unstructured", level(zoo::VariantId(v))};
  }
  task_.cuts.resize(shape.stages - 1);
  for (profile::OutputDistances::Part& part : distances_.parts) fill(part);
}

double SyntheticTask::level(zoo::VariantId v) const {
  return kMostLevel * static_cast<double>(v.index()) / static_cast<double>(shape_.variants);
}

profile::Observation SyntheticTask::observe(const zoo::Sigma& sigma) const {
  profile::Observation one{sigma, {0, static_cast<std::int64_t>(shape_.samples)}, {}};
  one.logits.reserve(shape_.samples * shape_.classes);
  double lost = 0;
  for (const zoo::VariantId v : sigma) lost += level(v);
  for (std::size_t n = 0; n < shape_.samples; ++n) {
    const double margin = kMostMargin * static_cast<double>(n) / static_cast<double>(shape_.samples) - lost;
    one.accuracy.correct += margin > 0 ? 1 : 0;
    one.logits.push_back(static_cast<float>(margin));  // of the right class, class 0
    one.logits.insert(one.logits.end(), shape_.classes - 1, 0.0F);
  }
  return one;
}

profile::EstimationInput SyntheticTask::input() const {
  std::vector<std::vector<double>> latency;
  for (const zoo::Sigma& sigma : profile::all_sigmas(shape_.variants, shape_.stages)) {
    auto& stages = latency.emplace_back();
    for (const zoo::VariantId v : sigma) stages.push_back(1 - level(v));
  }
  return {task_, distances_, labels_, std::move(latency), [this](const std::vector<zoo::Sigma>& sigmas) {
            std::vector<profile::Observation> seen;
            for (const zoo::Sigma& sigma : sigmas) seen.push_back(observe(sigma));
            return Result<std::vector<profile::Observation>>(std::move(seen));
          }};
}

void SyntheticTask::fill(profile::OutputDistances::Part& part) const {
  const auto sum_of = [&](std::size_t choice) {
    double sum = 0;
    for (std::size_t k = 0; k < part.stages.size(); ++k, choice /= shape_.variants) {
      sum += level(zoo::VariantId(choice % shape_.variants));
    }
    return sum;
  };
  for (std::size_t a = 0; a < part.choices; ++a) {
    for (std::size_t b = 0; b < part.choices; ++b) {
      part.squared[a * part.choices + b] = std::pow(sum_of(a) - sum_of(b), 2);
    }
  }
}

}  // namespace sparseloom::bench
