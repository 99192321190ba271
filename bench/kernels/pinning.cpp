#include "bench/kernels/pinning.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "sparseloom/base/thread.h"

namespace sparseloom::bench::kernels {
namespace {

// Before anything was pinned.
const std::vector<CpuIndex>& cpus() {
  static const std::vector<CpuIndex> all = allowed_cpus();
  return all;
}

}  // namespace

void Places::take(std::size_t place) {
  // The first thread keeps all CPUs of the team in its mask, which OpenVINO asks for; the others push it off theirs.
  const auto first = cpus().begin();
  const std::vector<CpuIndex> mine =
      place == 0 ? std::vector<CpuIndex>(first, first + threads_) : std::vector<CpuIndex>{cpus()[place]};
  if (!pin_this_thread(mine).ok()) failed_ = true;
  ++taken_;
  while (taken_ < threads_ && std::chrono::steady_clock::now() < give_up_) {}
}

Status pin_threads(int threads) {
  if (static_cast<std::size_t>(threads) > cpus().size()) {
    return error(Code::kInvalidArgument, "--threads {}: this process may use {} CPUs", threads, cpus().size());
  }
  Places places(threads);
  tbb::task_arena arena(threads);
  arena.execute([&] {
    const auto take = [&](int) { places.take(static_cast<std::size_t>(tbb::this_task_arena::current_thread_index())); };
    tbb::parallel_for(0, threads, take, tbb::simple_partitioner());
  });
  return places.status();
}

}  // namespace sparseloom::bench::kernels
