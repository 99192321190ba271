// Stages that compute something small, so that the accuracy of every stitched variant is known without a runtime.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/stages.h"

namespace sparseloom::profile {

/// Four floats in, four floats out.
using StageFunction = std::function<void(const float* in, float* out)>;

class FakeExecutable final : public backend::Executable {
 public:
  FakeExecutable(StageFunction function, std::atomic<int>& runs) : function_(std::move(function)), runs_(runs) {}
  const std::vector<TensorSpec>& inputs() const override { return specs_; }
  const std::vector<TensorSpec>& outputs() const override { return specs_; }
  Result<std::unique_ptr<backend::Session>> new_session() override {
    return std::unique_ptr<backend::Session>(std::make_unique<FakeSession>(*this));
  }

 private:
  class FakeSession final : public backend::Session {
   public:
    explicit FakeSession(FakeExecutable& owner) : owner_(owner) {}
    Status bind_input(std::size_t, std::span<const std::byte> data) override {
      in_ = data;
      return {};
    }
    Status bind_output(std::size_t, std::span<std::byte> data) override {
      out_ = data;
      return {};
    }
    Status run() override {
      float in[4];
      float out[4];
      std::memcpy(in, in_.data(), sizeof in);
      owner_.function_(in, out);
      std::memcpy(out_.data(), out, sizeof out);
      ++owner_.runs_;
      return {};
    }

   private:
    FakeExecutable& owner_;
    std::span<const std::byte> in_;
    std::span<std::byte> out_;
  };

  std::vector<TensorSpec> specs_{{"x", ElementType::kF32, {1, 4}}};
  StageFunction function_;
  std::atomic<int>& runs_;
};

/// Stage s of variant v turns the logits by v·(s+1) places and adds v to the first: no two σ need be equally accurate,
/// and the order of the stages matters.
inline StageTable turning_stages(std::size_t variants, std::size_t stages, std::atomic<int>& runs) {
  StageTable table(variants);
  for (std::size_t v = 0; v < variants; ++v) {
    for (std::size_t s = 0; s < stages; ++s) {
      const auto turn = [v, s](const float* in, float* out) {
        for (std::size_t c = 0; c < 4; ++c) out[(c + v * (s + 1)) % 4] = in[c];
        out[0] += static_cast<float>(v);
      };
      table[v].push_back(std::make_shared<FakeExecutable>(turn, runs));
    }
  }
  return table;
}

}  // namespace sparseloom::profile
