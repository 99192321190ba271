#include "sparseloom/place/search/makespan_labels.h"

#include <algorithm>
#include <numeric>

namespace sparseloom::place {
namespace {

constexpr double kMostForWorths = 1e7;  // numbers that are read to try every change of the weights once

}  // namespace

MakespanLabels::MakespanLabels(const CostTable& table, const std::vector<Share>& shares)
    : table_(table),
      shares_(shares),
      frontiers_(table, false),
      processors_(table.processors.size()),
      splits_(shares.size() - processors_),
      offsets_(table.groups.size() + 1) {
  for (std::size_t s = processors_; s < shares.size(); ++s) {
    auto& half = halves_.emplace_back();
    std::size_t found = 0;
    for (std::size_t p = 0; p < processors_; ++p)
      if (shares[s][p] > 0) half[found++] = p;
  }
  for (std::size_t n = 0; n <= table.groups.size(); ++n) {
    std::size_t at = processors_ + 1;
    for (const std::size_t t : frontiers_.after(n)) {
      offsets_[n].push_back(at);
      at += size_of(t);
    }
    offsets_[n].push_back(at);
  }
  find_tails();
  find_worths();
}

std::size_t MakespanLabels::size_of(std::size_t tensor) const {
  return processors_ + (frontiers_.read_along(tensor) ? 2 * splits_ : 0);
}

void MakespanLabels::find_tails() {
  const std::size_t count = table_.groups.size();
  tail_.assign(count, 0);
  std::vector<double> behind(count);  // the longest tail of its readers
  for (std::size_t g = count; g-- > 0;) {
    // Shares that go along wait for each other at the end of their chain alone: there the slower one takes at least the
    // mean of both, summed up.
    const bool chained = table_.groups[g].along || frontiers_.read_along(g);
    double least = kCannot;
    for (const Share& share : shares_) {
      if (!can_run(table_.groups[g], share)) continue;
      double most = 0, sum = 0, parts = 0;
      for (std::size_t p = 0; p < processors_; ++p) {
        most = std::max(most, table_.groups[g].seconds[p][share[p]]);
        sum += table_.groups[g].seconds[p][share[p]];
        parts += share[p] > 0 ? 1 : 0;
      }
      least = std::min(least, chained ? sum / parts : most);
    }
    tail_[g] = least + behind[g];
    for (const Input& input : table_.groups[g].inputs)
      if (input.from) behind[input.from->index()] = std::max(behind[input.from->index()], tail_[g]);
  }
  reader_tail_.resize(count + 1);
  std::vector<double> of(count);
  for (std::size_t n = count + 1; n-- > 0;) {  // readers from the last to the first
    if (n < count) {
      for (const Input& input : table_.groups[n].inputs)
        if (input.from) of[input.from->index()] = std::max(of[input.from->index()], tail_[n]);
    }
    for (const std::size_t t : frontiers_.after(n)) reader_tail_[n].push_back(of[t]);
  }
}

MakespanLabels::Worth MakespanLabels::worth_of(const std::array<double, kMostProcessors>& weights) const {
  Worth worth{weights, std::vector<double>(table_.groups.size() + 1)};
  for (std::size_t g = table_.groups.size(); g-- > 0;) {
    double least = kCannot;
    for (const Share& share : shares_) {
      if (!can_run(table_.groups[g], share)) continue;
      double sum = 0;
      for (std::size_t p = 0; p < processors_; ++p) sum += weights[p] * table_.groups[g].seconds[p][share[p]];
      least = std::min(least, sum);
    }
    worth.rest[g] = worth.rest[g + 1] + least;
  }
  return worth;
}

// Whatever the weights, no placement ends before the weighted sum of its processors' work (the dual of balancing the
// load). The best weights are looked for by moving some from one processor to another.
void MakespanLabels::find_worths() {
  std::array<double, kMostProcessors> weights{};
  for (std::size_t p = 0; p < processors_; ++p) weights[p] = 1 / static_cast<double>(processors_);
  worths_.push_back(worth_of(weights));
  // Of a very large model the first weights must do.
  const double once = static_cast<double>(table_.groups.size() * shares_.size() * processors_);
  if (once * static_cast<double>(processors_ * processors_) > kMostForWorths) return;
  double best = worths_.front().rest[0];
  for (double step = weights[0] / 2; step > 1e-3; step /= 2) {
    for (std::size_t p = 0; p < processors_; ++p) {
      for (std::size_t q = 0; q < processors_; ++q) {
        if (p == q || weights[p] < step) continue;
        auto moved = weights;
        moved[p] -= step;
        moved[q] += step;
        Worth worth = worth_of(moved);
        if (worth.rest[0] <= best) continue;
        best = worth.rest[0];
        weights = moved;
        worths_.back() = std::move(worth);
      }
    }
  }
}

double MakespanLabels::arrival(const double* tensor, std::size_t share, std::size_t at, bool along) const {
  double arrived = tensor[at];
  if (along && share >= processors_) {
    const std::size_t split = share - processors_;
    const std::size_t half = halves_[split][0] == at ? 0 : 1;
    arrived = std::min(arrived, tensor[processors_ + 2 * split + half]);
  }
  return arrived;
}

void MakespanLabels::extend(const double* from, std::size_t group, std::size_t number, double* to) const {
  const Share& share = shares_[number];
  const OperatorGroup& next = table_.groups[group];
  const auto& alive = frontiers_.after(group);
  std::array<double, kMostProcessors> finish{};
  std::copy_n(from, processors_ + 1, to);
  for (std::size_t p = 0; p < processors_; ++p) {
    if (share[p] == 0) continue;
    double start = from[p];
    for (const Input& input : next.inputs) {
      if (!input.from) {
        start = std::max(start, seconds_from_host(table_, p, input.bytes));
        continue;
      }
      const std::size_t tensor = input.from->index();
      const auto k = static_cast<std::size_t>(std::lower_bound(alive.begin(), alive.end(), tensor) - alive.begin());
      const bool along = next.along && frontiers_.read_along(tensor);
      start = std::max(start, arrival(from + offsets_[group][k], number, p, along));
    }
    finish[p] = start + next.seconds[p][share[p]];
    to[p] = finish[p];
    if (!next.returned) continue;
    const double back = seconds_to_host(table_, p, part(next.result_bytes, share[p]));
    to[processors_] = std::max(to[processors_], finish[p] + back);
  }
  const auto& left = frontiers_.after(group + 1);
  std::size_t position = 0;
  for (std::size_t k = 0; k < left.size(); ++k) {
    double* const at = to + offsets_[group + 1][k];
    if (left[k] == group) {
      write(group, number, finish, at);
      continue;
    }
    while (alive[position] != left[k]) ++position;
    std::copy_n(from + offsets_[group][position], size_of(left[k]), at);
  }
}

void MakespanLabels::write(std::size_t group, std::size_t number, const std::array<double, kMostProcessors>& finish,
                           double* at) const {
  const Share& share = shares_[number];
  const double bytes = table_.groups[group].result_bytes;
  for (std::size_t p = 0; p < processors_; ++p) {
    at[p] = 0;
    for (std::size_t q = 0; q < processors_; ++q) {
      if (share[q] == 0) continue;
      const double move = q == p ? 0 : handover_seconds(table_, q, p, part(bytes, share[q]));
      at[p] = std::max(at[p], finish[q] + move);
    }
  }
  if (!frontiers_.read_along(group)) return;
  for (std::size_t s = 0; s < splits_; ++s) {
    const bool own = processors_ + s == number;
    for (std::size_t half = 0; half < 2; ++half) {
      double& written = at[processors_ + 2 * s + half];
      written = kCannot;
      if (own) written = finish[halves_[s][half]];
    }
  }
}

double MakespanLabels::bound(const double* label, std::size_t groups) const {
  double least = label[processors_];
  for (const Worth& worth : worths_) {
    double sum = worth.rest[groups];
    for (std::size_t p = 0; p < processors_; ++p) sum += worth.weights[p] * label[p];
    least = std::max(least, sum);
  }
  const auto& alive = frontiers_.after(groups);
  for (std::size_t k = 0; k < alive.size(); ++k) {
    const double* const tensor = label + offsets_[groups][k];
    double first = *std::min_element(tensor, tensor + processors_);
    if (frontiers_.read_along(alive[k])) {
      for (std::size_t s = 0; s < 2 * splits_; ++s) first = std::min(first, tensor[processors_ + s]);
    }
    least = std::max(least, first + reader_tail_[groups][k]);
  }
  return least;
}

void MakespanLabels::merge(double* into, const double* other, std::size_t groups) const {
  for (std::size_t i = 0; i < offsets_[groups].back(); ++i) into[i] = std::min(into[i], other[i]);
}

bool MakespanLabels::dominates(const double* a, const double* b, std::size_t groups) const {
  const std::size_t count = offsets_[groups].back();
  for (std::size_t i = 0; i < count; ++i)
    if (a[i] > b[i]) return false;
  return true;
}

}  // namespace sparseloom::place
