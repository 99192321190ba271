// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace sparseloom {

/// Owns a POSIX file descriptor; negative: none.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  /// What close(2) returns: for those who must know that everything was written.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

}  // namespace sparseloom
