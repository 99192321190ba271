#pragma once

#include <vector>

#include "sparseloom/base/thread.h"

namespace sparseloom {

/// Gives the calling thread the cores back that it had, once it has been pinned to others for a while.
class RestoreCores {
 public:
  RestoreCores() : cores_(allowed_cpus()) {}
  ~RestoreCores() { static_cast<void>(pin_this_thread(cores_)); }
  RestoreCores(const RestoreCores&) = delete;
  RestoreCores& operator=(const RestoreCores&) = delete;

 private:
  std::vector<CpuIndex> cores_;
};

}  // namespace sparseloom
