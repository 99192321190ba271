#include "sparseloom/engine/loader_thread.h"

#include <utility>

#include "sparseloom/base/thread.h"

namespace sparseloom::engine {

LoaderThread::LoaderThread() : thread_([this] { loop(); }) {}

LoaderThread::~LoaderThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Status LoaderThread::run(std::function<Status()> work) {
  const std::lock_guard caller(callers_);
  std::unique_lock lock(mutex_);
  work_ = std::move(work);
  changed_.notify_all();
  changed_.wait(lock, [this] { return done_.has_value(); });
  return *std::exchange(done_, std::nullopt);
}

void LoaderThread::loop() {
  name_this_thread("loader");
  lower_priority_of_this_thread();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || work_; });
    if (!work_) return;
    const std::function<Status()> work = std::exchange(work_, nullptr);
    lock.unlock();
    Status status = work();
    lock.lock();
    done_ = std::move(status);
    changed_.notify_all();
  }
}

}  // namespace sparseloom::engine
