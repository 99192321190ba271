#include "sparseloom/place/evaluate.h"

#include <algorithm>

#include "sparseloom/base/names.h"

namespace sparseloom::place {
namespace {

constexpr std::array<std::string_view, kCostModels.size()> kNames{"additive", "makespan"};

class Makespan {
 public:
  Makespan(const CostTable& table, const Placement& placement)
      : table_(table), placement_(placement), free_(table.processors.size()), finish_(table.groups.size()) {}

  double play() {
    double end = 0;
    for (std::size_t g = 0; g < table_.groups.size(); ++g) {
      const OperatorGroup& group = table_.groups[g];
      const Share& share = placement_[g];
      finish_[g].resize(share.size());
      for (std::size_t p = 0; p < share.size(); ++p) {
        if (share[p] == 0) continue;
        double start = free_[p];
        for (const Input& input : group.inputs) start = std::max(start, arrival(group, share, input, p));
        free_[p] = finish_[g][p] = start + group.seconds[p][share[p]];
        if (group.returned)
          end = std::max(end, finish_[g][p] + seconds_to_host(table_, p, part(group.result_bytes, share[p])));
      }
    }
    return end;
  }

 private:
  double arrival(const OperatorGroup& group, const Share& share, const Input& input, std::size_t at) const {
    if (!input.from) return seconds_from_host(table_, at, input.bytes);
    const std::size_t from = input.from->index();
    const Share& written = placement_[from];
    const double bytes = table_.groups[from].result_bytes;
    if (group.along && written == share) return finish_[from][at];
    double last = 0;
    for (std::size_t p = 0; p < written.size(); ++p) {
      if (written[p] == 0) continue;
      const double move = p == at ? 0 : handover_seconds(table_, p, at, part(bytes, written[p]));
      last = std::max(last, finish_[from][p] + move);
    }
    return last;
  }

  const CostTable& table_;
  const Placement& placement_;
  std::vector<double> free_;                 // by processor
  std::vector<std::vector<double>> finish_;  // by group and processor
};

class Additive {
 public:
  Additive(const CostTable& table, const Placement& placement)
      : table_(table), placement_(placement), arrived_(table.groups.size()) {}

  double play() {
    double sum = 0;
    for (std::size_t g = 0; g < table_.groups.size(); ++g) {
      const OperatorGroup& group = table_.groups[g];
      const Share& share = placement_[g];
      for (const Input& input : group.inputs) sum += waiting(group, share, input);
      double slowest = 0;
      for (std::size_t p = 0; p < share.size(); ++p) slowest = std::max(slowest, group.seconds[p][share[p]]);
      sum += slowest;
      arrived_[g].resize(share.size());
      for (std::size_t p = 0; p < share.size(); ++p) arrived_[g][p] = share[p] == kQuarters;
    }
    for (std::size_t g = 0; g < table_.groups.size(); ++g) sum += returning(g);
    return sum;
  }

 private:
  // Until the tensor is wherever the group's shares need it.
  double waiting(const OperatorGroup& group, const Share& share, const Input& input) {
    double longest = 0;
    if (!input.from) {
      for (std::size_t p = 0; p < share.size(); ++p)
        if (share[p] > 0) longest = std::max(longest, seconds_from_host(table_, p, input.bytes));
      return longest;
    }
    const std::size_t from = input.from->index();
    const Share& written = placement_[from];
    if (group.along && written == share) return 0;
    for (std::size_t p = 0; p < share.size(); ++p) {
      if (share[p] == 0 || arrived_[from][p]) continue;
      arrived_[from][p] = true;
      for (std::size_t q = 0; q < written.size(); ++q) {
        if (written[q] == 0 || q == p) continue;
        const double bytes = part(table_.groups[from].result_bytes, written[q]);
        longest = std::max(longest, handover_seconds(table_, q, p, bytes));
      }
    }
    return longest;
  }

  double returning(std::size_t g) const {
    const OperatorGroup& group = table_.groups[g];
    if (!group.returned) return 0;
    double longest = 0;
    for (std::size_t p = 0; p < table_.processors.size(); ++p) {
      if (table_.processors[p].memory_domain == 0 && arrived_[g][p]) return 0;  // it is there
      if (placement_[g][p] > 0)
        longest = std::max(longest, seconds_to_host(table_, p, part(group.result_bytes, placement_[g][p])));
    }
    return longest;
  }

  const CostTable& table_;
  const Placement& placement_;
  std::vector<std::vector<bool>> arrived_;  // by group and processor: all of what the group writes
};

}  // namespace

std::string_view name_of(CostModel model) { return kNames[static_cast<std::size_t>(model)]; }

Result<CostModel> find_cost_model(std::string_view name) {
  for (const CostModel model : kCostModels)
    if (name_of(model) == name) return model;
  return unknown_name("cost model", name, std::vector<std::string_view>(kNames.begin(), kNames.end()));
}

double handover_seconds(const CostTable& table, std::size_t from, std::size_t to, double bytes) {
  const Handover& handover = table.handover;
  const bool apart = table.processors[from].memory_domain != table.processors[to].memory_domain;
  return handover.synchronisation + table.processors[to].launch +
         (apart ? handover.latency + bytes * handover.seconds_per_byte : 0);
}

double seconds_from_host(const CostTable& table, std::size_t to, double bytes) {
  const double launch = table.processors[to].launch;
  if (table.processors[to].memory_domain == 0) return launch;
  return launch + table.handover.latency + bytes * table.handover.seconds_per_byte;
}

double seconds_to_host(const CostTable& table, std::size_t from, double bytes) {
  if (table.processors[from].memory_domain == 0) return 0;
  return table.handover.synchronisation + table.handover.latency + bytes * table.handover.seconds_per_byte;
}

double latency_of(const CostTable& table, const Placement& placement, CostModel model) {
  for (std::size_t g = 0; g < table.groups.size(); ++g)
    if (!can_run(table.groups[g], placement[g])) return kCannot;
  return model == CostModel::kMakespan ? Makespan(table, placement).play() : Additive(table, placement).play();
}

double best_alone(const CostTable& table, CostModel model) {
  double least = kCannot;
  for (std::size_t p = 0; p < table.processors.size(); ++p) {
    Share share(table.processors.size());
    share[p] = kQuarters;
    least = std::min(least, latency_of(table, Placement(table.groups.size(), share), model));
  }
  return least;
}

}  // namespace sparseloom::place
