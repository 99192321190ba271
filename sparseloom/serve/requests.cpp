#include "sparseloom/serve/requests.h"

namespace sparseloom::serve {

Ticket Requests::add(InFlight request) {
  const std::lock_guard lock(mutex_);
  requests_.emplace(++last_, std::move(request));
  return {last_};
}

std::optional<InFlight> Requests::take(Ticket ticket) {
  const std::lock_guard lock(mutex_);
  const auto found = requests_.find(ticket.number);
  if (found == requests_.end()) return std::nullopt;
  InFlight request = std::move(found->second);
  requests_.erase(found);
  return request;
}

std::optional<zoo::TaskId> Requests::task_of(Ticket ticket) const {
  const std::lock_guard lock(mutex_);
  const auto found = requests_.find(ticket.number);
  return found == requests_.end() ? std::nullopt : std::optional(found->second.task);
}

}  // namespace sparseloom::serve
