#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/status.h"
#include "sparseloom/engine/residency.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::bench {

/// Median and quartiles of repeated measurements.
struct Spread : Quartiles<Seconds> {
  std::size_t count = 0;
};

/// Of `samples`. None: all zero.
Spread spread_of(std::vector<Seconds> samples);

/// What the engine itself costs, measured with subgraphs that do nothing.
struct DispatchCost {
  std::size_t processors = 1;
  /// Saturated: time per stage dispatched, times the number of processors (all of it engine time, or waiting for it).
  Spread per_dispatch;
  /// One request at a time: from a stage's end to its successor's start, on another processor if there is one, else on
  /// the same; where that processor's worker sleeps and has to be woken up, and where it still looks for its next
  /// stage.
  Spread hand_off, hand_off_looking;
};

/// Serves a single three-stage task, stage i on processor i mod `processors`, pinned to the first cores of `soc`: first
/// saturated, in `batches` batches, then one request at a time. `folder` receives a scratch file.
/// kInvalidArgument if soc has fewer processors.
Result<DispatchCost> measure_dispatch_cost(const soc::Soc& soc, std::size_t processors, std::size_t batches,
                                           const std::filesystem::path& folder);

/// Every task as `variant` (or its last, if it has fewer), stage i on processor (i + shift) mod P, by the provider that
/// this one offers first.
plan::Plan uniform_plan(const zoo::Zoo& zoo, const soc::Soc& soc, std::size_t variant, std::size_t shift);

/// How long switch_plan() takes when both plans are resident.
struct SwitchCost {
  Spread idle;    ///< nothing is being served
  Spread loaded;  ///< two requests outstanding per task, all processors busy, some completions between switches
};

/// Alternates between two plans `repetitions` times each way of measuring. Requests carry zeros.
Result<SwitchCost> measure_switch_cost(const zoo::Zoo& zoo, const soc::Soc& soc, engine::Residency& residency,
                                       const plan::Plan& first, const plan::Plan& second, std::size_t repetitions);

/// What the sparsity monitor costs, over all stages of a plan that hand something on.
struct MonitorCost {
  Spread look;              ///< one look at a stage output
  Quartiles<double> share;  ///< of the time that the stage's own run took, run by run
  std::string worst;        ///< the stage with the largest median share: "image/int8 stage 1"
  double worst_share = 0;   ///< that median
};

/// Runs every task's stages in turn, `repetitions` times after a warm-up, on the processors of `plan`, each but the
/// last followed by a look as the engine takes it. Inputs are zeros. kInvalidArgument: no task has two stages.
Result<MonitorCost> measure_monitor_cost(const zoo::Zoo& zoo, const soc::Soc& soc, engine::Residency& residency,
                                         const plan::Plan& plan, std::size_t repetitions);

/// A whole model through the engine, beside the bare runtime.
struct WholeModelCost {
  Spread bare;              ///< Session::run() of the same compiled model, back to back
  Spread engine;            ///< from submit() to the completion, one request at a time
  Quartiles<double> ratio;  ///< engine over bare, pair by pair
};

/// Runs `model` on the first processor of `soc`: bare and engine take turns, on the same core, `repetitions` times
/// after a warm-up. Inputs are zeros.
Result<WholeModelCost> measure_whole_model(const backend::Runtime& runtime, const soc::Soc& soc,
                                           const std::filesystem::path& model, std::size_t repetitions);

}  // namespace sparseloom::bench
