// Stages that compute something small, so that the accuracy of every stitched variant is known without a runtime.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "sparseloom/profile/measure/stages.h"
#include "tests/support/fake_executable.h"

namespace sparseloom::profile {

using sparseloom::testing::FakeCounts;

/// Four floats in, four floats out.
inline std::shared_ptr<backend::Executable> fake_stage(sparseloom::testing::FakeRun run, FakeCounts& counts) {
  const TensorSpec four{"x", ElementType::kF32, {1, 4}};
  return std::make_shared<sparseloom::testing::FakeExecutable>(four, four, std::move(run), counts);
}

/// Stage s of variant v turns the logits by v·(s+1) places and adds v to the first: no two σ need be equally accurate,
/// and the order of the stages matters.
inline StageTable turning_stages(std::size_t variants, std::size_t stages, FakeCounts& counts) {
  StageTable table(variants);
  for (std::size_t v = 0; v < variants; ++v) {
    for (std::size_t s = 0; s < stages; ++s) {
      const auto turn = [v, s](std::span<const float> in, std::span<float> out) {
        for (std::size_t c = 0; c < 4; ++c) out[(c + v * (s + 1)) % 4] = in[c];
        out[0] += static_cast<float>(v);
        return Status();
      };
      table[v].push_back(fake_stage(turn, counts));
    }
  }
  return table;
}

}  // namespace sparseloom::profile
