#include "sparseloom/backend/hybrid/crew.h"

#include <optional>
#include <system_error>
#include <utility>

#include "sparseloom/base/restore_cores.h"

namespace sparseloom::backend {

Crew::Crew(std::vector<std::vector<CpuIndex>> cores, std::uint32_t begun)
    : cores_(std::move(cores)), jobs_(begun), begun_(begun) {
  for (std::size_t m = 0; m < cores_.size(); ++m) done_.push_back(std::make_unique<Milestone>(begun));
}

Result<std::shared_ptr<Crew>> Crew::start(std::vector<std::vector<CpuIndex>> cores, std::uint32_t begun) {
  const auto crew = std::shared_ptr<Crew>(new Crew(std::move(cores), begun));
  for (std::size_t m = 1; m < crew->cores_.size(); ++m) {
    try {
      crew->threads_.emplace_back([crew = crew.get(), m, begun] { crew->work(m, begun + 1); });
    } catch (const std::system_error& e) {
      return error(Code::kResourceExhausted, "a thread for member {}: {}", m, e.what());
    }
  }
  return crew;
}

Crew::~Crew() {
  closed_.store(true);
  jobs_.reach(begun_ + 1);
  for (std::thread& thread : threads_) thread.join();
}

void Crew::run(const std::function<void(std::size_t)>& job) {
  const std::lock_guard lock(turn_);
  job_ = &job;
  jobs_.reach(++begun_);
  // A caller that may run on another member's core would be put there at times, and both would wait for each other.
  std::optional<RestoreCores> restore;
  if (!cores_.front().empty() && allowed_cpus() != cores_.front()) {
    restore.emplace();
    static_cast<void>(pin_this_thread(cores_.front()));
  }
  job(0);
  for (std::size_t m = 1; m < cores_.size(); ++m) done_[m]->wait(begun_);
}

void Crew::work(std::size_t member, std::uint32_t next) {
  name_this_thread("hybrid");
  if (!cores_[member].empty()) static_cast<void>(pin_this_thread(cores_[member]));
  for (;; ++next) {
    jobs_.wait(next);
    if (closed_.load()) return;
    (*job_)(member);
    done_[member]->reach(next);
  }
}

}  // namespace sparseloom::backend
