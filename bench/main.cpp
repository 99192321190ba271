#include <array>

#include "bench/bench_commands.h"
#include "cli/program.h"

namespace {

using namespace sparseloom;

constexpr std::array kCommands{
    cli::CommandRow{"engine",
                    "what the engine costs: per dispatch, per plan switch, per look of the sparsity monitor, per model",
                    bench::add_engine},
    cli::CommandRow{"estimator", "what estimating accuracies takes beside running models", bench::add_estimator},
    cli::CommandRow{"feedback", "a core is slowed down while requests are served: with and without re-planning",
                    bench::add_feedback},
    cli::CommandRow{"kernels", "sparse layers of published networks, beside dense ones and other sparse libraries",
                    bench::kernels::add_kernels},
    cli::CommandRow{"model", "a whole model with its pruned layers sparse, beside OpenVINO alone",
                    bench::kernels::add_model},
    cli::CommandRow{"planners", "what planning costs, on a zoo and on large made-up problems, and what it certifies",
                    bench::add_planners},
    cli::CommandRow{"policies", "what a decision of each scheduling policy costs", bench::add_policies},
    cli::CommandRow{"providers", "whole models by every execution provider, on one core and on two",
                    bench::add_providers},
    cli::CommandRow{"hybrid", "whole models by two cores that divide their operators", bench::add_hybrid},
    cli::CommandRow{"residency",
                    "memory of compiled subgraphs: preloading within a budget, plan switches while serving",
                    bench::add_residency},
    cli::CommandRow{"server",
                    "what the server adds to the engine, and whether anything is lost while everything changes",
                    bench::add_server},
    cli::CommandRow{"thresholds", "placements by predicted thresholds beside the best of a grid, on modelled machines",
                    bench::add_thresholds},
};

}  // namespace

int main(int argc, char** argv) {
  return cli::run_program("sparseloom bench", "Measures what sparseloom itself costs.", kCommands, argc, argv);
}
