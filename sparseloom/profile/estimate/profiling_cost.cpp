#include "sparseloom/profile/estimate/profiling_cost.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sparseloom/profile/estimate/estimate_task.h"

namespace sparseloom::profile {
namespace {

// Of one sample through stage `s` of every variant.
Seconds all_variants(const StageTimes& times, std::size_t s) {
  Seconds sum{0};
  for (const auto& stages : times) sum += stages[s];
  return sum;
}

}  // namespace

ProfilingCost& ProfilingCost::operator+=(const ProfilingCost& other) {
  stitched += other.stitched;
  stage_passes += other.stage_passes;
  projected += other.projected;
  return *this;
}

StageTimes fastest_stage_times(const TaskProfile& profile, const soc::Soc& soc) {
  StageTimes times(profile.variants(), std::vector(profile.stages(), Seconds(std::numeric_limits<double>::infinity())));
  for (std::size_t v = 0; v < profile.variants(); ++v) {
    for (std::size_t s = 0; s < profile.stages(); ++s) {
      for (std::size_t p = 0; p < soc.processors.places(); ++p) {
        for (const backend::Provider b : soc.processors[p].providers) {
          const Latency& latency = profile.latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(p), b);
          if (latency.count > 0) times[v][s] = std::min(times[v][s], latency.median);
        }
      }
    }
  }
  return times;
}

std::size_t latency_measurements(const soc::Soc& soc, std::size_t variants, std::size_t stages) {
  std::size_t providers = 0;
  for (const soc::Processor& processor : soc.processors) {
    providers += static_cast<std::size_t>(
        std::count_if(processor.providers.begin(), processor.providers.end(),
                      [](backend::Provider provider) { return !backend::info(provider).computes_in; }));
  }
  return variants * stages * providers;
}

ProfilingCost exhaustive_cost(const StageTimes& times, std::size_t samples) {
  ProfilingCost cost;
  std::size_t prefixes = 1;
  for (std::size_t s = 0; s < times.front().size(); ++s) {
    cost.projected += static_cast<double>(samples * prefixes) * all_variants(times, s);
    prefixes *= times.size();
    cost.stage_passes += static_cast<double>(prefixes);
  }
  cost.stitched = prefixes;
  return cost;
}

ProfilingCost walk_cost(const StageTimes& times, const std::vector<zoo::Sigma>& sigmas, std::size_t samples) {
  ProfilingCost cost;
  cost.stitched = sigmas.size();
  std::set<zoo::Sigma> prefixes;
  for (const zoo::Sigma& sigma : sigmas) {
    for (std::size_t depth = 1; depth <= sigma.size(); ++depth) {
      if (!prefixes.insert({sigma.begin(), sigma.begin() + static_cast<std::ptrdiff_t>(depth)}).second) continue;
      cost.stage_passes += 1;
      cost.projected += static_cast<double>(samples) * times[sigma[depth - 1].index()][depth - 1];
    }
  }
  return cost;
}

ProfilingCost distance_cost(const StageTimes& times, std::size_t samples, std::size_t of_samples) {
  double runs = 0;  // of one sample
  Seconds time{0};
  for (const OutputDistances::Part& part : output_parts(times.size(), times.front().size()).parts) {
    for (std::size_t s = 0; s < part.stages.front(); ++s) {
      runs += 1;
      time += times.front()[s];
    }
    double prefixes = 1;
    for (const std::size_t s : part.stages) {
      time += prefixes * all_variants(times, s);
      prefixes *= static_cast<double>(times.size());
      runs += prefixes;
    }
  }
  const auto looked_at = static_cast<double>(std::min(samples, of_samples));
  return {
      .stitched = 0, .stage_passes = runs * looked_at / static_cast<double>(of_samples), .projected = looked_at * time};
}

Result<ProfilingCost> most_estimation_cost(const StageTimes& times, std::size_t budget, double level,
                                           std::size_t samples) {
  const std::size_t variants = times.size(), stages = times.front().size();
  SL_ASSIGN_OR_RETURN(const SampleSizes sizes, divide_budget(budget, variants, stages, level));
  ProfilingCost cost = distance_cost(times, kProbeSamples, samples);
  std::vector<std::size_t> walks{variants + sizes.design, sizes.active};
  for (std::size_t left = sizes.calibration; left > 0; left -= std::min(left, kCalibrationBatch)) {
    walks.push_back(std::min(left, kCalibrationBatch));
  }
  for (const std::size_t stitched : walks) {
    std::size_t prefixes = 1;
    for (std::size_t s = 0; s < stages; ++s) {
      prefixes = std::min(prefixes * variants, stitched);
      const auto passes = static_cast<double>(prefixes);
      cost.stage_passes += passes;
      cost.projected += passes * static_cast<double>(samples) / static_cast<double>(variants) * all_variants(times, s);
    }
    cost.stitched += stitched;
  }
  return cost;
}

}  // namespace sparseloom::profile
