#include "sparseloom/place/timeline.h"

#include <algorithm>

namespace sparseloom::place {

Timeline::Timeline(const CostTable& table, CostModel model)
    : table_(table), model_(model), processors_(table.processors.size()), shares_(table.groups.size() * processors_) {
  if (model == CostModel::kMakespan) {
    free_.resize(processors_);
    finish_.resize(shares_.size());
  } else {
    arrived_.resize(shares_.size());
  }
}

void Timeline::clear() {
  groups_ = 0;
  end_ = 0;
  std::fill(free_.begin(), free_.end(), 0.0);
}

bool Timeline::is_along(const OperatorGroup& group, const Share& share, std::size_t from) const {
  return group.along &&
         std::equal(share.begin(), share.end(), shares_.begin() + static_cast<std::ptrdiff_t>(at(from, 0)));
}

double Timeline::arrival(const OperatorGroup& group, const Share& share, const Input& input, std::size_t to) const {
  if (!input.from) return seconds_from_host(table_, to, input.bytes);
  const std::size_t from = input.from->index();
  if (is_along(group, share, from)) return finish_[at(from, to)];
  const double bytes = table_.groups[from].result_bytes;
  double last = 0;
  for (std::size_t p = 0; p < processors_; ++p) {
    const std::uint8_t written = shares_[at(from, p)];
    if (written == 0) continue;
    const double move = p == to ? 0 : handover_seconds(table_, p, to, part(bytes, written));
    last = std::max(last, finish_[at(from, p)] + move);
  }
  return last;
}

double Timeline::start_of(const Share& share, std::size_t processor) const {
  const OperatorGroup& group = table_.groups[groups_];
  double start = free_[processor];
  for (const Input& input : group.inputs) start = std::max(start, arrival(group, share, input, processor));
  return start;
}

// Until the tensor is wherever the group's shares need it.
double Timeline::waiting(const OperatorGroup& group, const Share& share, std::size_t number) const {
  const Input& input = group.inputs[number];
  double longest = 0;
  if (!input.from) {
    for (std::size_t p = 0; p < processors_; ++p)
      if (share[p] > 0) longest = std::max(longest, seconds_from_host(table_, p, input.bytes));
    return longest;
  }
  const std::size_t from = input.from->index();
  if (is_along(group, share, from)) return 0;
  for (std::size_t i = 0; i < number; ++i)
    if (group.inputs[i].from == input.from) return 0;  // it has been waited for
  for (std::size_t p = 0; p < processors_; ++p) {
    if (share[p] == 0 || arrived_[at(from, p)]) continue;
    for (std::size_t q = 0; q < processors_; ++q) {
      if (const std::uint8_t written = shares_[at(from, q)]; written > 0 && q != p)
        longest = std::max(longest, handover_seconds(table_, q, p, part(table_.groups[from].result_bytes, written)));
    }
  }
  return longest;
}

double Timeline::waiting(const OperatorGroup& group, const Share& share) const {
  double sum = 0;
  for (std::size_t i = 0; i < group.inputs.size(); ++i) sum += waiting(group, share, i);
  return sum;
}

void Timeline::mark_arrived(const OperatorGroup& group, const Share& share) {
  for (const Input& input : group.inputs) {
    if (!input.from || is_along(group, share, input.from->index())) continue;
    for (std::size_t p = 0; p < processors_; ++p)
      if (share[p] > 0) arrived_[at(input.from->index(), p)] = true;
  }
  for (std::size_t p = 0; p < processors_; ++p) arrived_[at(groups_, p)] = share[p] == kQuarters;
}

double Timeline::end_of(const Share& share) const {
  const OperatorGroup& group = table_.groups[groups_];
  double slowest = 0;
  if (model_ == CostModel::kMakespan) {
    for (std::size_t p = 0; p < processors_; ++p)
      if (share[p] > 0) slowest = std::max(slowest, start_of(share, p) + group.seconds[p][share[p]]);
    return slowest;
  }
  for (std::size_t p = 0; p < processors_; ++p) slowest = std::max(slowest, group.seconds[p][share[p]]);
  return end_ + waiting(group, share) + slowest;
}

void Timeline::add(const Share& share) {
  const OperatorGroup& group = table_.groups[groups_];
  if (model_ == CostModel::kMakespan) {
    for (std::size_t p = 0; p < processors_; ++p) {
      if (share[p] == 0) continue;
      const double end = start_of(share, p) + group.seconds[p][share[p]];
      free_[p] = finish_[at(groups_, p)] = end;
      if (group.returned) end_ = std::max(end_, end + seconds_to_host(table_, p, part(group.result_bytes, share[p])));
    }
  } else {
    end_ = end_of(share);
    mark_arrived(group, share);
  }
  std::copy(share.begin(), share.end(), shares_.begin() + static_cast<std::ptrdiff_t>(at(groups_, 0)));
  ++groups_;
}

double Timeline::free_at(std::size_t processor) const {
  return model_ == CostModel::kMakespan ? free_[processor] : end_;
}

double Timeline::returning(std::size_t g) const {
  const OperatorGroup& group = table_.groups[g];
  if (!group.returned) return 0;
  double longest = 0;
  for (std::size_t p = 0; p < processors_; ++p) {
    if (table_.processors[p].memory_domain == 0 && arrived_[at(g, p)]) return 0;  // it is there
    if (const std::uint8_t written = quarters(g, p); written > 0)
      longest = std::max(longest, seconds_to_host(table_, p, part(group.result_bytes, written)));
  }
  return longest;
}

double Timeline::latency() const {
  const bool all = groups_ == table_.groups.size();
  double end = end_;
  if (model_ == CostModel::kMakespan) {
    for (std::size_t p = 0; p < processors_ && !all; ++p) end = std::max(end, free_[p]);
  } else {
    for (std::size_t g = 0; g < groups_ && all; ++g) end += returning(g);
  }
  return end;
}

}  // namespace sparseloom::place
