#include "cli/server.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/setup.h"

namespace sparseloom::cli {
namespace {

constexpr Seconds kOverdue{1e-9};  // bound of a request whose deadline is over before it is sent

}  // namespace

void attach_terminal(ServerOptions& options) {
  options.on_progress = [line = progress_line()](const OpenProgress& p) {
    line(
        {.what = p.what, .done = p.done, .total = p.total, .elapsed = {}, .per_second = 0, .unit = {}, .left = p.left});
  };
  options.on_notice = [](std::string_view text) { fmt::print(stderr, "{}\n", text); };
  options.stop_measuring = &interrupted();
}

ServerPlayer::ServerPlayer(Server& server, std::vector<engine::TaskSamples> samples, const std::atomic<bool>* stop,
                           Seconds grace)
    : Player(std::move(samples), stop, grace), server_(server), tasks_(server.tasks()) {}

// Replies call completed(): not beyond this.
ServerPlayer::~ServerPlayer() { server_.drain(); }

Status ServerPlayer::submit(const sched::Request& request, std::size_t sample) {
  const TaskInfo& task = tasks_[request.task.index()];
  const std::vector<std::span<const std::byte>>& data = samples()[request.task.index()].inputs[sample];
  std::vector<Input> inputs;
  inputs.reserve(data.size());
  for (std::size_t k = 0; k < data.size(); ++k) inputs.push_back(Input::lend(task.inputs[k].name, data[k]));
  const InferOptions options{
      .latency = std::max(request.deadline - now(), kOverdue), .accuracy = {}, .priority = request.priority};
  return server_
      .submit(task.name, std::move(inputs), options,
              [this, request](const Reply& reply) {
                Outcome outcome{.finished = reply.completed - epoch_, .status = reply.status};
                outcome.accurate = !reply.status.ok() || reply.met_accuracy;
                if (reply.status.ok()) outcome.predicted = zoo::top1(reply.outputs.front().data);
                completed(request, outcome);
              })
      .status();
}

}  // namespace sparseloom::cli
