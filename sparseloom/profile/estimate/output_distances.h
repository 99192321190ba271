#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::profile {

/// How unlike the outputs are that choices for some stages of a task give: what an estimator knows of a stitched
/// variant before it is run.
struct OutputDistances {
  /// Choices for `stages` (neighbours, ascending), all other stages in front of them dense.
  struct Part {
    std::vector<std::size_t> stages;
    std::size_t choices = 0;      ///< V^|stages|
    std::vector<double> squared;  ///< choices x choices: mean squared difference of outputs / mean square of outputs

    /// Position of σ's choice: the last stage runs fastest.
    std::size_t choice(const zoo::Sigma& sigma, std::size_t variants) const;
    double between(std::size_t a, std::size_t b) const { return squared[a * choices + b]; }
  };

  std::size_t variants = 0;
  /// Stage 0; with S > 2 also stage 1, and stages 0 and 1 together; then each later stage.
  std::vector<Part> parts;
  std::size_t samples = 0;     ///< looked at
  std::size_t stage_runs = 0;  ///< one sample through one stage of one variant
};

/// The parts that a task of `stages` stages has, distances left 0.
OutputDistances output_parts(std::size_t variants, std::size_t stages);

/// Runs every stage of every variant behind dense ones, and every pair of the first two, on `samples` samples (at most)
/// spread evenly over `data`: V·S + V² runs per sample (S > 2), on the calling thread, and no stitched variant but
/// those that differ from dense in the last stage. Only f32 tensors count; of the last stage's, what all classes share
/// does not. O(samples · V⁴ · elements). kCancelled when stopped.
Result<OutputDistances> measure_distances(const StageTable& stages, const zoo::Dataset& data, std::size_t samples,
                                          const Control& control);

}  // namespace sparseloom::profile
