#include "sparseloom/server.h"

#include <future>

#include "sparseloom/serve/serving.h"

namespace sparseloom {

struct PendingReply::State {
  std::future<Reply> future;
  Ticket ticket;
};

PendingReply::PendingReply(std::unique_ptr<State> state) : state_(std::move(state)) {}
PendingReply::PendingReply(PendingReply&&) noexcept = default;
PendingReply& PendingReply::operator=(PendingReply&&) noexcept = default;
PendingReply::~PendingReply() = default;

Reply PendingReply::get() { return state_->future.get(); }
bool PendingReply::ready() const {
  return state_->future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}
Ticket PendingReply::ticket() const { return state_->ticket; }

class Server::Impl final : public serve::Serving {
 public:
  using Serving::Serving;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::open(ServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  SL_RETURN_IF_ERROR(impl->open());
  return Server(std::move(impl));
}

PendingReply Server::infer(std::string_view task, std::vector<Input> inputs, const InferOptions& options) {
  auto promise = std::make_shared<std::promise<Reply>>();
  auto state = std::make_unique<PendingReply::State>();
  state->future = promise->get_future();
  const auto ticket =
      impl_->submit(task, std::move(inputs), options, [promise](Reply reply) { promise->set_value(std::move(reply)); });
  if (ticket.ok()) {
    state->ticket = *ticket;
  } else {
    Reply refused;
    refused.status = ticket.status();
    promise->set_value(std::move(refused));
  }
  return PendingReply(std::move(state));
}

std::vector<PendingReply> Server::infer(std::vector<Query> queries) {
  std::vector<PendingReply> replies;
  replies.reserve(queries.size());
  for (Query& query : queries) replies.push_back(infer(query.task, std::move(query.inputs), query.options));
  return replies;
}

Result<Ticket> Server::submit(std::string_view task, std::vector<Input> inputs, const InferOptions& options,
                              OnReply on_reply) {
  return impl_->submit(task, std::move(inputs), options, std::move(on_reply));
}

bool Server::cancel(Ticket ticket) { return impl_->cancel(ticket); }
Status Server::set_slo(std::string_view task, const Slo& slo) { return impl_->set_slo(task, slo); }
Status Server::set_memory(std::optional<Bytes> memory) { return impl_->set_memory(memory); }
Status Server::load(std::string_view task) { return impl_->load(task); }
Status Server::load(const ModelFile& model) { return impl_->load(model); }
Status Server::unload(std::string_view task) { return impl_->unload(task); }
std::vector<TaskInfo> Server::tasks() const { return impl_->tasks(); }
ServerView Server::view() const { return impl_->view(); }
Status Server::write_trace(const std::filesystem::path& file) const { return impl_->write_trace(file); }
Metrics Server::metrics() const { return impl_->metrics(); }
void Server::drain() { impl_->drain(); }
std::size_t Server::stop(Seconds grace) { return impl_->stop(grace); }

}  // namespace sparseloom
