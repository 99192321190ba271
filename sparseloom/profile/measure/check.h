#pragma once

#include <filesystem>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/measure/conditions.h"
#include "sparseloom/profile/measure/machine_lock.h"
#include "sparseloom/soc/subgraph.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

struct CheckOptions {
  std::size_t subgraphs = 12;                ///< run at most, over all pools of processors
  Seconds budget{4};                         ///< for loading and running; a subgraph that takes long is left out
  std::filesystem::path compile_cache = {};  ///< empty: compiled blobs are not kept
  LockOptions lock = {};
  MachineFiles files = {};
  Control control = {};
};

/// A subgraph run again on one processor.
struct CheckedLatency {
  soc::SubgraphKey subgraph;
  Seconds stored{0};  ///< the profile's median
  Latency now;
  double ratio() const { return now.median / stored; }
};

/// How a machine is, compared with what a profile says of it. Ratios of times: above 1 it is slower now.
struct ProfileCheck {
  std::vector<CheckedLatency> latencies;      ///< the same subgraphs for the same profile and machine
  std::size_t subgraphs = 0;                  ///< that were run
  std::vector<Quartiles<double>> processors;  ///< by place; those of all where it was not checked, and a
                                              ///< gang's are its first member's
  Quartiles<double> overall;

  /// Medians by processor, as slowed() takes them.
  std::vector<double> slowdowns() const;
  /// Within this factor nothing is said to have changed: a tenth is what medians of a dozen subgraphs move by on a
  /// quiet machine from one minute to the next.
  static constexpr double kFits = 1.15;
  /// Whether no processor has become slower or faster by more.
  bool fits() const;
};

/// Runs a few subgraphs again, spread over tasks, variants, stages and providers, on every processor of their pools,
/// and compares medians. In about a second for the demo zoo once its blobs are cached, in at most five. Holds the
/// MachineLock. kFailedPrecondition: `profile` holds no latency; else the errors of measure_latencies().
Result<ProfileCheck> check_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                   zoo::PieceStore& pieces, const Profile& profile, const CheckOptions& options = {});

/// `profile` as the machine is now: every processor's latencies times its median ratio.
Profile corrected(const Profile& profile, const ProfileCheck& check);

}  // namespace sparseloom::profile
