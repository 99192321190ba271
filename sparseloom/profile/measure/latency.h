#pragma once

#include <functional>
#include <span>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/conditions.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

struct LatencyOptions {
  std::vector<zoo::TaskId> tasks;  ///< empty: all
  int rounds = 30;                 ///< timed runs per subgraph, processor and provider
  /// After this long per task, no further round is begun once there are `least_rounds`.
  Seconds task_budget{12};
  int least_rounds = 9;
  int retries = 2;     ///< times that a pool is run again (least_rounds) while some of its latencies are disturbed()
  bool again = false;  ///< also what `profile` has but disturbed(); it is replaced by what is better
  MachineFiles files;
  std::filesystem::path compile_cache;                ///< empty: compiled blobs are not kept
  std::vector<std::filesystem::path> mapped_folders;  ///< where model files and blobs lie that a runtime may map
  Control control;
};

/// Takes a task's finished measurements (one batch). A failure ends the measurement.
using OnLatencies = std::function<Status(std::span<const LatencyEntry>)>;

/// Runs every subgraph that `profile` lacks a latency of, on every processor by every provider that it offers, and
/// hands over median, quartiles, count and bytes resident, task by task. Rounds are interleaved over processors and, in
/// a seeded order that changes from round to round, over the task's subgraphs and their providers, so that a
/// disturbance spreads over all of them. In that order as many as serve all tasks of the zoo together are run once,
/// then timed one after another: caches hold what those leave in them, as in service, and not what all variants do. A
/// subgraph in which the sparse provider replaces no layer is the same as OpenVINO's: it is run once, and handed over
/// for both. The calling thread is pinned to the processor under measurement and gets its cores back at the end. Inputs
/// are the tensors that the dense variant passes on for the first profile sample or, of a task without samples, for
/// made-up inputs. Where a latency is disturbed(), its task's are run again, and the best of the runs is handed over,
/// with the conditions that it was measured in. Processors of a pool share a compiled executable.
Status measure_latencies(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                         zoo::PieceStore& pieces, const Profile& profile, const LatencyOptions& options,
                         const OnLatencies& on_latencies);

/// Whether `profile` lacks any latency that measure_latencies() would measure with these options.
bool lacks_latencies(const zoo::Zoo& zoo, const soc::Soc& soc, const Profile& profile, const LatencyOptions& options);

/// Median and quartiles of `runs`, which must not be empty; `resident` is left 0.
Latency summarize(std::vector<Seconds> runs);

/// The options that a subgraph is compiled with for a processor, and so for all of its pool, to be run by `provider`.
backend::CompileOptions compile_options(const soc::Soc& soc, soc::ProcessorId processor, backend::Provider provider,
                                        const std::filesystem::path& cache);

}  // namespace sparseloom::profile
