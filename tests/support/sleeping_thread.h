// A handshake with a thread that is about to sleep: no test has to guess how long that takes.
#pragma once

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

namespace sparseloom::testing {

/// Runs `work` on a thread of its own; joins it at the end.
class SleepingThread {
 public:
  template <typename Work>
  explicit SleepingThread(Work work)
      : thread_([this, work = std::move(work)] {
          id_.store(::gettid());
          work();
        }) {}
  ~SleepingThread() { join(); }

  /// Returns when the kernel says that the thread sleeps: then it has stopped looking and must be woken. Or that it has
  /// ended without.
  void until_asleep() const {
    while (id_.load() == 0) std::this_thread::yield();
    for (char now = state(); now != 'S' && now != kEnded; now = state()) std::this_thread::yield();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr char kEnded = '-';

  // The third word of its status, behind a name in brackets ("12 (unit_engine) S ...").
  char state() const {
    std::ifstream file("/proc/self/task/" + std::to_string(id_.load()) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');
    return name_end == std::string::npos ? kEnded : text.at(name_end + 2);
  }

  std::atomic<pid_t> id_{0};  // before the thread, which sets it
  std::thread thread_;
};

}  // namespace sparseloom::testing
