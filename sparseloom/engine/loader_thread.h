#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "sparseloom/base/status.h"

namespace sparseloom::engine {

/// One thread of low priority that does what takes long (loading subgraphs), so that it takes from the processors what
/// serving requests leaves over. Threads that a runtime starts while it works inherit the priority. Thread-safe.
class LoaderThread {
 public:
  LoaderThread();
  ~LoaderThread();  ///< After the work in hand.
  LoaderThread(const LoaderThread&) = delete;
  LoaderThread& operator=(const LoaderThread&) = delete;

  /// Does `work` there, one at a time, and waits for it.
  Status run(std::function<Status()> work);

 private:
  void loop();

  std::mutex callers_;  // one at a time
  std::mutex mutex_;    // guards what follows
  std::condition_variable changed_;
  std::function<Status()> work_;
  std::optional<Status> done_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace sparseloom::engine
