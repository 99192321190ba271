#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace sparseloom::profile {

/// One stitched variant as a planner that looks for speed under an accuracy bound sees it.
struct Candidate {
  double latency_s = 0;
  double value = 0;  ///< accuracy that it goes by, 0..1
};

/// The picks: what a planner that takes the fastest candidate with value ≥ bound picks as the bound runs from `from` to
/// `to`: the front of speed and value. Indices, fastest first. O(n log n).
std::vector<std::size_t> picks(const std::vector<Candidate>& candidates, double from, double to);

/// What planners choose from: stitched variants, by what they cost at each stage and how accurate they are taken to be.
struct Choices {
  std::vector<std::vector<double>> latency_s;  ///< by σ and stage
  std::vector<double> value;                   ///< by σ, 0..1
};

/// What a planner is asked for: of the choices with value ≥ `bound` the one with the least weighted sum of latencies.
/// The weights say what a second at each stage costs: planners share processors among tasks, and some are busier.
struct Request {
  double bound = 0;
  std::vector<double> weight;  ///< by stage
};
/// The bound is even in [from, to], each weight even in [0, 1]; independent.
Request draw_request(std::size_t stages, double from, double to, std::mt19937_64& random);
/// The pick; of equals the first. None: all are below the bound or `absent`. O(n · stages).
std::optional<std::size_t> pick(const Choices& choices, const std::vector<bool>& absent, const Request& request);

/// `count` different unmeasured picks of drawn requests. If there seem to be no more, those drawn are taken for absent,
/// and the drawing goes on. Fewer if no other is ever picked.
std::vector<std::size_t> draw_picks(const Choices& choices, const std::vector<bool>& measured, double from, double to,
                                    std::size_t count, std::mt19937_64& random);

/// Fewest calibration scores with which `level` can be promised: ⌈level / (1 - level)⌉.
std::size_t calibration_size(double level);

/// Split-conformal quantile: the ⌈level · (m+1)⌉-th least of m scores (Vovk et al. 2005, Lei et al. 2018). One more
/// score that is exchangeable with these exceeds it with probability at most 1 - level. +∞ if m is too small.
double conformal_quantile(std::vector<double> scores, double level);

/// `count` of `from`, each subset equally likely, in random order; all of them if there are no more.
std::vector<std::size_t> draw(std::vector<std::size_t> from, std::size_t count, std::mt19937_64& random);

/// One task, frozen before calibration, with the truth known: what coverage is tried on.
struct CoverageTrial {
  Choices choices;            ///< value: estimates
  std::vector<double> scale;  ///< of their errors
  std::vector<double> truth;
  std::vector<bool> measured;   ///< before calibration
  double from = 0, to = 1;      ///< accuracy bounds that users ask for
  std::size_t calibration = 0;  ///< σ measured to calibrate
  std::size_t batch = 1;        ///< of them drawn at a time, before what they show is looked at
  double level = 0.9;
};

struct Coverage {
  std::size_t requests = 0;  ///< that some σ was picked for
  std::size_t trials = 0;    ///< of them, those for which it was not measured
  std::size_t covered = 0;   ///< of them, those whose truth is at least the lower bound
  double share() const { return trials == 0 ? 0 : static_cast<double>(covered) / static_cast<double>(trials); }
};

/// Repeats calibration `draws` times with fresh draws, and after each lets a planner that goes by measured values where
/// there are any (calibration's included) and by estimates elsewhere pick for `requests` drawn requests.
/// Deterministic for a seed.
Coverage try_coverage(const CoverageTrial& trial, std::size_t draws, std::size_t requests, std::uint64_t seed);

}  // namespace sparseloom::profile
