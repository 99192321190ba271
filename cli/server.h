#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "sparseloom/engine/player.h"
#include "sparseloom/server.h"

namespace sparseloom::cli {

/// As commands open a server: progress and notices go to standard error, and Ctrl-C ends measuring.
void attach_terminal(ServerOptions& options);

/// Plays workloads on a server, whose tasks it knows by their order when it was made.
class ServerPlayer final : public engine::Player {
 public:
  /// `server`, which must outlive it, is its own while it plays; `samples` of each of its tasks, at least one, in their
  /// inputs' order. When `stop` is set it stops the server with this grace.
  ServerPlayer(Server& server, std::vector<engine::TaskSamples> samples, const std::atomic<bool>* stop, Seconds grace);
  ~ServerPlayer() override;

 private:
  Seconds now() const override { return std::chrono::steady_clock::now() - epoch_; }
  std::chrono::steady_clock::time_point epoch() const override { return epoch_; }
  Status submit(const sched::Request& request, std::size_t sample) override;
  std::size_t end(Seconds grace) override { return server_.stop(grace); }

  Server& server_;
  const std::vector<TaskInfo> tasks_;
  const std::chrono::steady_clock::time_point epoch_ = std::chrono::steady_clock::now();
};

}  // namespace sparseloom::cli
