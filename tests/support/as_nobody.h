#pragma once

#include <sys/fsuid.h>
#include <unistd.h>

namespace sparseloom::testing {

/// While it lives, this thread opens files as a user who owns none of them, also where tests run as root.
class AsNobody {
 public:
  AsNobody() : before_(static_cast<uid_t>(::setfsuid(kNobody))) {}
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() { ::setfsuid(before_); }

 private:
  static constexpr uid_t kNobody = 65534;
  uid_t before_;
};

}  // namespace sparseloom::testing
