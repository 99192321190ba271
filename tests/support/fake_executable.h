// A compiled subgraph that is a function of numbers, for tests that run no model.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::testing {

/// What a fake subgraph makes of its input; a failure becomes the run's.
using FakeRun = std::function<Status(std::span<const float> in, std::span<float> out)>;

/// What the fakes that share it were asked for.
struct FakeCounts {
  std::atomic<int> sessions{0};       ///< made so far
  std::atomic<int> live_sessions{0};  ///< not destroyed yet
  std::atomic<int> runs{0};
};

class FakeSession final : public backend::Session {
 public:
  /// `counts` must outlive it.
  FakeSession(FakeRun run, FakeCounts& counts) : run_(std::move(run)), counts_(counts) {
    ++counts_.sessions;
    ++counts_.live_sessions;
  }
  ~FakeSession() override { --counts_.live_sessions; }

  Status bind_input(std::size_t, std::span<const std::byte> data) override {
    in_ = {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)};
    return {};
  }
  Status bind_output(std::size_t, std::span<std::byte> data) override {
    out_ = {reinterpret_cast<float*>(data.data()), data.size() / sizeof(float)};
    return {};
  }
  Status run() override {
    ++counts_.runs;
    return run_(in_, out_);
  }

 private:
  FakeRun run_;
  FakeCounts& counts_;
  std::span<const float> in_;
  std::span<float> out_;
};

/// One tensor in, one out.
class FakeExecutable final : public backend::Executable {
 public:
  /// `counts` must outlive it and its sessions.
  FakeExecutable(TensorSpec in, TensorSpec out, FakeRun run, FakeCounts& counts)
      : in_{std::move(in)}, out_{std::move(out)}, run_(std::move(run)), counts_(counts) {}
  const std::vector<TensorSpec>& inputs() const override { return in_; }
  const std::vector<TensorSpec>& outputs() const override { return out_; }
  Result<std::unique_ptr<backend::Session>> new_session() override {
    return std::unique_ptr<backend::Session>(std::make_unique<FakeSession>(run_, counts_));
  }

 private:
  std::vector<TensorSpec> in_, out_;
  FakeRun run_;
  FakeCounts& counts_;
};

}  // namespace sparseloom::testing
