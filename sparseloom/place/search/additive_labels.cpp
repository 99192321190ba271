#include "sparseloom/place/search/additive_labels.h"

#include <algorithm>

namespace sparseloom::place {

AdditiveLabels::AdditiveLabels(const CostTable& table, const std::vector<Share>& shares)
    : table_(table),
      shares_(shares),
      frontiers_(table, true),
      processors_(table.processors.size()),
      splits_(shares.size() - processors_),
      offsets_(table.groups.size() + 1),
      rest_(table.groups.size() + 1) {
  for (std::size_t n = 0; n <= table.groups.size(); ++n) {
    std::size_t at = 1;  // the sum comes first
    for (const std::size_t t : frontiers_.after(n)) {
      offsets_[n].push_back(at);
      at += size_of(t);
    }
    offsets_[n].push_back(at);
  }
  for (std::size_t g = table.groups.size(); g-- > 0;) {
    double least = kCannot;
    for (const Share& share : shares_)
      if (can_run(table.groups[g], share)) least = std::min(least, slowest(g, share));
    rest_[g] = rest_[g + 1] + least;
  }
}

std::size_t AdditiveLabels::size_of(std::size_t tensor) const {
  return processors_ + (frontiers_.read_along(tensor) ? splits_ : 0) + 1;
}

double AdditiveLabels::slowest(std::size_t group, const Share& share) const {
  double most = 0;
  for (std::size_t p = 0; p < processors_; ++p) most = std::max(most, table_.groups[group].seconds[p][share[p]]);
  return most;
}

void AdditiveLabels::extend(const double* from, std::size_t group, std::size_t number, double* to) const {
  const Share& share = shares_[number];
  const OperatorGroup& next = table_.groups[group];
  const auto& alive = frontiers_.after(group);
  // What is alive after it: a copy, but for tensors that arrive somewhere with it.
  scratch_.assign(from, from + offsets_[group].back());
  double sum = from[0];
  for (const Input& input : next.inputs) {
    if (!input.from) {
      double longest = 0;
      for (std::size_t p = 0; p < processors_; ++p)
        if (share[p] > 0) longest = std::max(longest, seconds_from_host(table_, p, input.bytes));
      sum += longest;
      continue;
    }
    const std::size_t tensor = input.from->index();
    const auto position =
        static_cast<std::size_t>(std::lower_bound(alive.begin(), alive.end(), tensor) - alive.begin());
    double* const waits = scratch_.data() + offsets_[group][position];
    const bool along = next.along && number >= processors_ && frontiers_.read_along(tensor);
    if (along && waits[number] == 0) continue;
    double longest = 0;
    for (std::size_t p = 0; p < processors_; ++p) {
      if (share[p] == 0) continue;
      longest = std::max(longest, waits[p]);
      waits[p] = 0;
      if (table_.processors[p].memory_domain == 0) waits[size_of(tensor) - 1] = 0;  // it is with the host too
    }
    sum += longest;
  }
  to[0] = sum + slowest(group, share);
  const auto& left = frontiers_.after(group + 1);
  std::size_t position = 0;
  for (std::size_t k = 0; k < left.size(); ++k) {
    double* const at = to + offsets_[group + 1][k];
    if (left[k] == group) {
      write(group, number, at);
      continue;
    }
    while (alive[position] != left[k]) ++position;
    std::copy_n(scratch_.data() + offsets_[group][position], size_of(left[k]), at);
  }
}

// What the group's tensor costs where: by processor, by share for those that go along, and for the host.
void AdditiveLabels::write(std::size_t group, std::size_t number, double* at) const {
  const Share& share = shares_[number];
  const double bytes = table_.groups[group].result_bytes;
  for (std::size_t p = 0; p < processors_; ++p) {
    at[p] = 0;
    for (std::size_t q = 0; q < processors_; ++q)
      if (q != p && share[q] > 0) at[p] = std::max(at[p], handover_seconds(table_, q, p, part(bytes, share[q])));
  }
  if (frontiers_.read_along(group)) {
    for (std::size_t s = 0; s < splits_; ++s) at[processors_ + s] = processors_ + s == number ? 0 : kCannot;
  }
  double& to_host = at[size_of(group) - 1];
  to_host = 0;
  if (!table_.groups[group].returned) return;
  for (std::size_t p = 0; p < processors_; ++p)
    if (share[p] > 0) to_host = std::max(to_host, seconds_to_host(table_, p, part(bytes, share[p])));
}

double AdditiveLabels::total(const double* label) const {
  double sum = label[0];
  const std::size_t all = table_.groups.size();
  const auto& alive = frontiers_.after(all);
  for (std::size_t k = 0; k < alive.size(); ++k) sum += label[offsets_[all][k] + size_of(alive[k]) - 1];
  return sum;
}

// `a` may pay for whatever has arrived in `b` and not in it. Where a reader that goes along costs nothing in `a` and is
// paid for in `b`, the tensor has then arrived in `b` at both processors, and with the host: for one of them, the
// cheaper at worst, `a` has still to pay beside what `b` paid.
bool AdditiveLabels::dominates(const double* a, const double* b, std::size_t groups) const {
  double sum = a[0];
  for (std::size_t i = 1; i < offsets_[groups].back(); ++i) {
    if (a[i] > b[i]) sum += a[i] - b[i];
    if (sum > b[0]) return false;
  }
  const auto& alive = frontiers_.after(groups);
  for (std::size_t k = 0; k < alive.size(); ++k) {
    if (!frontiers_.read_along(alive[k])) continue;
    const double* const of_a = a + offsets_[groups][k];
    const double* const of_b = b + offsets_[groups][k];
    for (std::size_t s = processors_; s < shares_.size(); ++s) {
      if (of_a[s] > 0 || of_b[s] == 0) continue;
      double cheaper = kCannot;
      for (std::size_t p = 0; p < processors_; ++p)
        if (shares_[s][p] > 0) cheaper = std::min(cheaper, of_b[p]);
      sum += cheaper + of_b[size_of(alive[k]) - 1];
    }
    if (sum > b[0]) return false;
  }
  return sum <= b[0];
}

// Least numbers; but what has been written so in one alone may be paid for in the other once and for all, so that
// nothing is asked for it any more.
void AdditiveLabels::merge(double* into, const double* other, std::size_t groups) const {
  into[0] = std::min(into[0], other[0]);
  const auto& alive = frontiers_.after(groups);
  for (std::size_t k = 0; k < alive.size(); ++k) {
    double* const least = into + offsets_[groups][k];
    const double* const given = other + offsets_[groups][k];
    const std::size_t count = size_of(alive[k]);
    const bool along = frontiers_.read_along(alive[k]);
    const bool alike = !along || std::equal(least + processors_, least + processors_ + splits_, given + processors_);
    for (std::size_t i = 0; i < count; ++i) least[i] = std::min(least[i], given[i]);
    if (alike) continue;
    std::fill_n(least, processors_, 0.0);
    least[count - 1] = 0;
  }
}

}  // namespace sparseloom::place
