// Hand-made zoos, SoCs and profiles for planner tests.
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "sparseloom/plan/planner.h"
#include "tests/support/change_processor.h"

namespace sparseloom::plan::testing {

using sparseloom::testing::change_processor;

/// What a Problem refers to.
struct World {
  zoo::Zoo zoo;
  soc::Soc soc;
  profile::Profile profile;
  SloConfig slo;

  Problem problem() const { return {zoo, soc, profile, slo}; }
};

/// A gang of these processors; before tasks are added.
inline void add_gang(World& world, const std::vector<std::size_t>& members) {
  soc::Processor gang = world.soc.processors[members.front()];
  gang.name = fmt::format("{}-{}", gang.name, members.back());
  gang.kind = soc::gang_kind(members.size(), gang);
  world.soc.processors.add_gang(gang, {members.begin(), members.end()});
}

/// An original variant: latency in ms of every stage on every processor, accuracy as a fraction.
struct VariantSpec {
  std::string name;
  double stage_ms;
  double accuracy;
};

inline World world_of(std::size_t processors) {
  World world;
  world.zoo.name = "small";
  world.soc.name = "small";
  for (std::size_t p = 0; p < processors; ++p) {
    world.soc.processors.push_back({fmt::format("cpu{}", p), "CPU", {}, "host", "cpu x1"});
  }
  return world;
}

inline void set_ms(World& world, std::size_t t, std::size_t v, std::size_t i, std::size_t p, double ms,
                   backend::Provider provider = backend::Provider::kOpenVino) {
  world.profile.tasks[t].set_latency(zoo::VariantId(v), zoo::StageId(i), soc::ProcessorId(p), provider,
                                     {from_ms(ms), from_ms(ms), from_ms(ms), 10, {}});
}

inline void set_accuracy(World& world, std::size_t t, const zoo::Sigma& sigma, double accuracy) {
  world.profile.tasks[t].set_accuracy(sigma, {static_cast<std::int64_t>(accuracy * 10'000 + 0.5), 10'000});
}

/// Adds a task of `stages` stages whose stitched variants are as accurate as the mean of their stages.
inline void add_task(World& world, const std::string& name, std::size_t stages,
                     const std::vector<VariantSpec>& variants, Slo slo) {
  zoo::Task task;
  task.name = name;
  for (std::size_t i = 1; i < stages; ++i) task.cuts.push_back({fmt::format("cut{}", i)});
  for (const VariantSpec& v : variants) {
    task.variants.emplace_back();
    task.variants.back().name = v.name;
  }
  world.zoo.tasks.push_back(task);
  world.profile.tasks.emplace_back(variants.size(), stages, world.soc.processors.places());
  world.slo.slos.push_back(slo);
  const std::size_t t = world.profile.tasks.size() - 1;
  for (std::size_t v = 0; v < variants.size(); ++v) {
    for (std::size_t i = 0; i < stages; ++i) {
      for (std::size_t p = 0; p < world.soc.processors.places(); ++p) set_ms(world, t, v, i, p, variants[v].stage_ms);
    }
  }
  const profile::TaskProfile& measured = world.profile.tasks[t];
  for (std::size_t s = 0; s < measured.stitched(); ++s) {
    const zoo::Sigma sigma = measured.sigma_at(s);
    double sum = 0;
    for (const zoo::VariantId v : sigma) sum += variants[v.index()].accuracy;
    set_accuracy(world, t, sigma, sum / static_cast<double>(stages));
  }
}

/// Everything random: processors of different kinds, latencies 1..4 ms that differ between them, accuracies 0.5..0.9
/// without structure, SLOs somewhere inside the originals' ranges (now and then out of reach). With `gangs`, processors
/// in a row form gangs of two, which take half to all of that.
inline World random_world(unsigned seed, std::size_t tasks, std::size_t variants, std::size_t stages,
                          std::size_t processors, bool gangs = false) {
  std::mt19937_64 random(seed);
  const auto uniform = [&](double lo, double hi) {
    return lo + (hi - lo) * static_cast<double>(random() % 100'000) / 100'000.0;
  };
  World world = world_of(processors);
  for (std::size_t p = 0; p < processors; ++p) {
    change_processor(world.soc, p, [](soc::Processor& processor) { processor.kind = processor.name; });
  }
  for (std::size_t p = 0; gangs && p + 1 < processors; ++p) add_gang(world, {p, p + 1});
  for (std::size_t t = 0; t < tasks; ++t) {
    std::vector<VariantSpec> specs;
    for (std::size_t v = 0; v < variants; ++v) specs.push_back({fmt::format("v{}", v), 1, 0.5});
    const double stage_count = static_cast<double>(stages);
    add_task(world, fmt::format("t{}", t), stages, specs,
             {uniform(0.5, 0.92), from_ms(uniform(1.2 * stage_count, 4 * stage_count))});
    for (std::size_t v = 0; v < variants; ++v) {
      for (std::size_t i = 0; i < stages; ++i) {
        for (std::size_t p = 0; p < processors; ++p) set_ms(world, t, v, i, p, uniform(1, 4));
        for (std::size_t p = processors; p < world.soc.processors.places(); ++p) {
          set_ms(world, t, v, i, p, uniform(0.5, 1) * uniform(1, 4));
        }
      }
    }
    for (std::size_t s = 0; s < world.profile.tasks[t].stitched(); ++s) {
      set_accuracy(world, t, world.profile.tasks[t].sigma_at(s), uniform(0.5, 0.9));
    }
  }
  return world;
}

inline zoo::Sigma sigma(const std::vector<std::size_t>& variants) {
  zoo::Sigma result;
  for (const std::size_t v : variants) result.emplace_back(v);
  return result;
}

inline Placement placement(const std::vector<std::size_t>& processors) {
  Placement result;
  for (const std::size_t p : processors) result.emplace_back(p);
  return result;
}

/// σ on π, every stage by OpenVINO.
inline TaskPlan dense_plan(const zoo::Sigma& sigma, const Placement& placement) {
  TaskPlan plan;
  plan.sigma = sigma;
  plan.placement = placement;
  plan.providers.assign(sigma.size(), backend::Provider::kOpenVino);
  return plan;
}

/// "dense|int8": what a plan serves a task with.
inline std::string chosen(const World& world, const Plan& plan, std::size_t t) {
  return zoo::describe(world.zoo.tasks[t], plan.tasks[t].sigma);
}

}  // namespace sparseloom::plan::testing
