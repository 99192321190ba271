// One thread's handle for executing a program by its members.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "sparseloom/backend/hybrid/crew.h"
#include "sparseloom/backend/hybrid/program.h"

namespace sparseloom::backend {

/// The plan of the next runs, of all sessions of an executable.
struct NextPlan {
  std::mutex telling;  ///< HybridProgram::next is called by one at a time
  std::atomic<std::size_t> plan{0};
};

class HybridSession final : public Session {
 public:
  static Result<std::unique_ptr<Session>> make(std::shared_ptr<const HybridProgram> program, std::shared_ptr<Crew> crew,
                                               std::shared_ptr<NextPlan> next);

  using Session::bind_input;
  using Session::bind_output;
  Status bind_input(std::size_t index, std::span<const std::byte> data) override;
  Status bind_output(std::size_t index, std::span<std::byte> data) override;
  Status run() override;
  void cancel() override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  // A step with what it reads and writes in the host's memory, and beside that in its device's.
  struct BoundStep {
    std::unique_ptr<Session> session;
    std::vector<std::span<const std::byte>> inputs;
    std::vector<std::span<std::byte>> outputs;
    std::vector<std::shared_ptr<DeviceTensor>> inputs_there, outputs_there;
  };

  HybridSession(std::shared_ptr<const HybridProgram> program, std::shared_ptr<Crew> crew,
                std::shared_ptr<NextPlan> next);
  Status bind_own();
  bool stays_on_device(EdgeId tensor) const;
  Status bind_on_device(std::size_t step);
  Result<std::shared_ptr<DeviceTensor>> on_device(const CompiledStep& step, const CompiledStep::Port& port,
                                                  const TensorSpec& spec);
  Status bind_writers(EdgeId tensor, std::span<std::byte> data);
  Status bind_readers(EdgeId tensor, std::span<const std::byte> data);
  void execute(std::size_t member);
  Status execute_step(const PlannedStep& planned);
  void report();

  std::shared_ptr<const HybridProgram> program_;
  std::shared_ptr<Crew> crew_;
  std::shared_ptr<NextPlan> next_;
  std::map<EdgeId, HostBuffer> buffers_;
  std::map<std::tuple<std::string, EdgeId, Piece>, std::shared_ptr<DeviceTensor>> on_devices_;
  std::vector<BoundStep> steps_;
  std::vector<std::unique_ptr<Milestone>> reached_;  // by member: how many of its steps are done
  // On a cache line of its own: members write theirs all the time.
  struct alignas(64) Busy {
    double steps = 0, copies = 0;
  };
  std::size_t plan_ = 0;          // of this run
  std::vector<Busy> busy_;        // by member, of this run
  std::vector<Status> statuses_;  // by member
  std::atomic<bool> failed_{false}, cancelled_{false};
  const std::function<void(std::size_t)> job_ = [this](std::size_t member) { execute(member); };
};

}  // namespace sparseloom::backend
