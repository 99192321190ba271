#include "sparseloom/place/search/energy_labels.h"

#include <algorithm>

namespace sparseloom::place {

EnergyLabels::EnergyLabels(const CostTable& table, const std::vector<Share>& shares, const LabelModel& latency,
                           double latency_bound)
    : table_(table),
      shares_(shares),
      latency_(latency),
      latency_bound_(latency_bound),
      idle_(idle_watts(*table.energy)),
      frontiers_(table, false),
      domains_(memory_domains(table)),
      offsets_(table.groups.size() + 1),
      rest_(table.groups.size() + 1) {
  for (std::size_t n = 0; n <= table.groups.size(); ++n) {
    std::size_t at = 1 + latency_.width(n);
    for (const std::size_t t : frontiers_.after(n)) {
      offsets_[n].push_back(at);
      at += size_of(t);
    }
    offsets_[n].push_back(at);
  }
  for (std::size_t g = table.groups.size(); g-- > 0;) {
    double least = kCannot;
    for (const Share& share : shares_)
      if (can_run(table.groups[g], share)) least = std::min(least, joules_of(g, share));
    rest_[g] = rest_[g + 1] + least;
  }
}

double EnergyLabels::energy(double joules, double latency) const {
  return keeps(latency, latency_bound_) ? joules + idle_ * latency : kCannot;
}

double EnergyLabels::joules_of(std::size_t group, const Share& share) const {
  const double joules = group_joules(table_, group, share);
  if (!table_.groups[group].returned) return joules;
  return joules + copy_joules(table_, bytes_outside(table_, group, share, 0));
}

// Joules of bringing what the group reads to its shares. `copies`: those of the tensors alive before it, which are 0
// where a tensor has come to be.
double EnergyLabels::read(std::size_t group, std::size_t number, double* copies) const {
  const Share& share = shares_[number];
  const OperatorGroup& of = table_.groups[group];
  const auto& alive = frontiers_.after(group);
  const std::size_t begin = offsets_[group].front();
  double joules = 0;
  for (const Input& input : of.inputs) {
    double* tensor = nullptr;
    if (input.from) {
      const std::size_t from = input.from->index();
      const auto k = static_cast<std::size_t>(std::lower_bound(alive.begin(), alive.end(), from) - alive.begin());
      tensor = copies + (offsets_[group][k] - begin);
      if (of.along && tensor[domains_] == static_cast<double>(number)) continue;
    }
    for (std::size_t d = 0; d < domains_; ++d) {
      if (!shares_in(table_, share, d)) continue;
      if (tensor == nullptr) {
        if (d != 0) joules += copy_joules(table_, input.bytes);
      } else {
        joules += tensor[d];
        tensor[d] = 0;
      }
    }
  }
  return joules;
}

// What is returned has been copied to the host when it was written: once, whoever else reads it there.
void EnergyLabels::write(std::size_t group, std::size_t number, double* at) const {
  for (std::size_t d = 0; d < domains_; ++d)
    at[d] = copy_joules(table_, bytes_outside(table_, group, shares_[number], d));
  if (table_.groups[group].returned) at[0] = 0;
  if (frontiers_.read_along(group)) at[domains_] = static_cast<double>(number);
}

void EnergyLabels::extend(const double* from, std::size_t group, std::size_t number, double* to) const {
  latency_.extend(from + 1, group, number, to + 1);
  const std::size_t begin = offsets_[group].front();
  scratch_.assign(from + begin, from + offsets_[group].back());
  to[0] = from[0] + read(group, number, scratch_.data()) + joules_of(group, shares_[number]);
  const auto& alive = frontiers_.after(group);
  const auto& left = frontiers_.after(group + 1);
  std::size_t position = 0;
  for (std::size_t k = 0; k < left.size(); ++k) {
    double* const at = to + offsets_[group + 1][k];
    if (left[k] == group) {
      write(group, number, at);
      continue;
    }
    while (alive[position] != left[k]) ++position;
    std::copy_n(scratch_.data() + (offsets_[group][position] - begin), size_of(left[k]), at);
  }
}

double EnergyLabels::bound(const double* label, std::size_t groups) const {
  return energy(label[0] + rest_[groups], latency_.bound(label + 1, groups));
}

double EnergyLabels::total(const double* label) const { return energy(label[0], latency_.total(label + 1)); }

// `a` may pay for every copy that `b` has and it has not. A reader that goes along with how `b` divided a tensor, and
// not with how `a` did, would copy in `a` alone; but then the cost model's label of `a` never has it (kCannot), and
// does not dominate.
bool EnergyLabels::dominates(const double* a, const double* b, std::size_t groups) const {
  if (a[0] > b[0] || !latency_.dominates(a + 1, b + 1, groups)) return false;
  double joules = a[0];
  const auto& alive = frontiers_.after(groups);
  for (std::size_t k = 0; k < alive.size(); ++k) {
    const double* const of_a = a + offsets_[groups][k];
    const double* const of_b = b + offsets_[groups][k];
    for (std::size_t d = 0; d < domains_; ++d) joules += std::max(0.0, of_a[d] - of_b[d]);
    if (joules > b[0]) return false;
  }
  return true;
}

// Least numbers; but a tensor that was written by other shares may be at hand in either, so that nothing is asked for
// it.
void EnergyLabels::merge(double* into, const double* other, std::size_t groups) const {
  latency_.merge(into + 1, other + 1, groups);
  into[0] = std::min(into[0], other[0]);
  const auto& alive = frontiers_.after(groups);
  for (std::size_t k = 0; k < alive.size(); ++k) {
    double* const least = into + offsets_[groups][k];
    const double* const given = other + offsets_[groups][k];
    const bool alike = !frontiers_.read_along(alive[k]) || least[domains_] == given[domains_];
    for (std::size_t d = 0; d < domains_; ++d) least[d] = alike ? std::min(least[d], given[d]) : 0;
  }
}

}  // namespace sparseloom::place
