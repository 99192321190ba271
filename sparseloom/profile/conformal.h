#pragma once

#include <cstddef>
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

/// `count` different unmeasured candidates that such a planner picks for bounds drawn evenly from [from, to]. If it
/// picks no more, those drawn are taken for absent, and the drawing goes on. Fewer if it never picks another one.
std::vector<std::size_t> draw_picks(const std::vector<Candidate>& candidates, const std::vector<bool>& measured,
                                    double from, double to, std::size_t count, std::mt19937_64& random);

/// Fewest calibration scores with which `level` can be promised: ⌈level / (1 - level)⌉.
std::size_t calibration_size(double level);

/// Split-conformal quantile: the ⌈level · (m+1)⌉-th least of m scores (Vovk et al. 2005, Lei et al. 2018). One more
/// score that is exchangeable with these exceeds it with probability at most 1 - level. +∞ if m is too small.
double conformal_quantile(std::vector<double> scores, double level);

/// `count` of `from`, each subset equally likely, in random order; all of them if there are no more.
std::vector<std::size_t> draw(std::vector<std::size_t> from, std::size_t count, std::mt19937_64& random);

/// One task, frozen before calibration, with the truth known: what coverage is tried on.
struct CoverageTrial {
  std::vector<double> latency_s;
  std::vector<double> value;  ///< estimates
  std::vector<double> scale;  ///< of their errors
  std::vector<double> truth;
  std::vector<bool> measured;   ///< before calibration
  double from = 0, to = 1;      ///< accuracy bounds that users ask for
  std::size_t calibration = 0;  ///< σ measured to calibrate
  std::size_t batch = 1;        ///< of them drawn at a time, before what they show is looked at
  double level = 0.9;
};

struct Coverage {
  std::size_t trials = 0;   ///< bounds for which the planner picked a σ that was not measured
  std::size_t covered = 0;  ///< of them, those whose truth is at least the lower bound
  double share() const { return trials == 0 ? 0 : static_cast<double>(covered) / static_cast<double>(trials); }
};

/// Repeats calibration `draws` times with fresh draws, and after each lets a planner that goes by measured values where
/// there are any (calibration's included) and by estimates elsewhere pick for `bounds` random accuracy bounds.
/// Deterministic for a seed.
Coverage try_coverage(const CoverageTrial& trial, std::size_t draws, std::size_t bounds, std::uint64_t seed);

}  // namespace sparseloom::profile
