#include "bench/synthetic/synthetic_problem.h"

#include <algorithm>
#include <random>

namespace sparseloom::bench {

namespace {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  /// Not std::uniform_real_distribution, which differs between standard libraries.
  double operator()(double lo, double hi) { return lo + (hi - lo) * static_cast<double>(random_() >> 11U) * 0x1.0p-53; }

 private:
  std::mt19937_64 random_;
};

void draw_stage(Draw& draw, std::size_t i, const std::vector<double>& speeds, plan::StagewiseTask& task) {
  const double dense_seconds = draw(0.5e-3, 2e-3);
  const double dense_bytes = draw(1e6, 20e6);
  std::vector<double> here;
  for (const double speed : speeds) here.push_back(dense_seconds / speed * draw(0.7, 1.4));
  for (std::size_t v = 0; v < task.variants; ++v) {
    const double compression = v == 0 ? 0 : draw(0, 1);
    task.loss[v * task.stages + i] = v == 0 ? 0 : 0.02 * compression * compression * draw(0.5, 1.5);
    for (std::size_t p = 0; p < task.processors; ++p) {
      const double share = v == 0 ? 1 : std::clamp(1 - 0.75 * compression * draw(0.6, 1.0), 0.25, 1.0);
      task.run[task.index(v, i, p)] = here[p] * share;
      task.bytes[task.index(v, i, p)] = dense_bytes * (1 - 0.8 * compression);
    }
  }
}

double most_loss(const plan::StagewiseTask& task) {
  double sum = 0;
  for (std::size_t i = 0; i < task.stages; ++i) {
    double most = 0;
    for (std::size_t v = 0; v < task.variants; ++v) most = std::max(most, task.loss[v * task.stages + i]);
    sum += most;
  }
  return sum;
}

}  // namespace

std::vector<plan::StagewiseTask> synthetic_tasks(std::uint64_t seed, const SyntheticOptions& options) {
  Draw draw(seed);
  std::vector<double> speeds;
  for (std::size_t p = 0; p < options.processors; ++p) speeds.push_back(draw(0.5, 2));
  std::vector<plan::StagewiseTask> tasks;
  for (std::size_t t = 0; t < options.tasks; ++t) {
    plan::StagewiseTask task;
    task.variants = options.variants;
    task.stages = options.stages;
    task.processors = options.processors;
    task.run.resize(task.variants * task.stages * task.processors);
    task.bytes.resize(task.run.size());
    task.loss.resize(task.variants * task.stages);
    for (std::size_t i = 0; i < task.stages; ++i) draw_stage(draw, i, speeds, task);
    for (std::size_t i = 1; i < task.stages; ++i) {
      for (std::size_t from = 0; from < task.processors; ++from) {
        for (std::size_t to = 0; to < task.processors; ++to) {
          task.transfer.push_back(from == to ? 0 : draw(0, 0.3e-3));
        }
      }
    }
    task.loss_bound = draw(0.15, 0.6) * most_loss(task);
    task.latency_bound = 1;  // none, to begin with
    const plan::Prices latency{std::vector<double>(task.processors, 1.0), 0};
    task.latency_bound = draw(1.05, 1.6) * plan::StagewiseOptions(task).cheapest(latency, {}).options.front().tie;
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace sparseloom::bench
