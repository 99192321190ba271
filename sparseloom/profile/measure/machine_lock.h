#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "sparseloom/base/descriptor.h"
#include "sparseloom/base/status.h"
#include "sparseloom/profile/measure/progress.h"

namespace sparseloom::profile {

struct LockOptions {
  std::filesystem::path file = {};  ///< empty: default_lock_file()
  std::string who = "sparseloom";   ///< what others are told of the holder
  bool wait = true;                 ///< for a holder to end; else fail
};

/// One for all users of this machine: in /run/lock, or in /tmp where that is not there.
std::filesystem::path default_lock_file();

/// The right to measure on this machine, which one process has at a time: two that measure at once make each other's
/// latencies two to three times as long. It ends with the object or, however it ends, the process.
class MachineLock {
 public:
  /// Waits for another holder, of which `control` is told once, or fails with kUnavailable. Both name it: "process 1234
  /// (sparseloom profile, since 12:03) is measuring on this machine". kCancelled; kUnavailable too if the file cannot
  /// be opened.
  static Result<MachineLock> acquire(const LockOptions& options, const Control& control);

  /// Whether another one was waited for, which may have measured the same.
  bool waited() const { return waited_; }

 private:
  MachineLock(std::unique_ptr<Descriptor> file, bool waited) : file_(std::move(file)), waited_(waited) {}
  std::unique_ptr<Descriptor> file_;
  bool waited_ = false;
};

}  // namespace sparseloom::profile
