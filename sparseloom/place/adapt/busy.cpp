#include "sparseloom/place/adapt/busy.h"

#include "sparseloom/place/evaluate.h"

namespace sparseloom::place {
namespace {

class BusyCount {
 public:
  BusyCount(const CostTable& table, const Placement& placement)
      : table_(table),
        placement_(placement),
        sent_(table.groups.size(), std::vector<bool>(table.processors.size())),
        busy_{.processors = std::vector<double>(table.processors.size())} {}

  Busy count() {
    for (std::size_t g = 0; g < table_.groups.size(); ++g) {
      const OperatorGroup& group = table_.groups[g];
      const Share& share = placement_[g];
      for (std::size_t p = 0; p < share.size(); ++p) {
        if (share[p] == 0) continue;
        busy_.processors[p] += group.seconds[p][share[p]];
        for (const Input& input : group.inputs) fetch(group, share, input, p);
        if (group.returned) copy(domain(p), 0, part(group.result_bytes, share[p]));
      }
    }
    return std::move(busy_);
  }

 private:
  std::size_t domain(std::size_t processor) const { return table_.processors[processor].memory_domain; }

  void fetch(const OperatorGroup& group, const Share& share, const Input& input, std::size_t at) {
    if (!input.from) return copy(0, domain(at), input.bytes);
    const std::size_t from = input.from->index();
    const Share& written = placement_[from];
    if ((group.along && written == share) || sent_[from][at]) return;
    sent_[from][at] = true;
    for (std::size_t p = 0; p < written.size(); ++p)
      if (written[p] > 0) copy(domain(p), domain(at), part(table_.groups[from].result_bytes, written[p]));
  }

  void copy(std::size_t from, std::size_t to, double bytes) {
    if (from != to) busy_.copies += table_.handover.latency + bytes * table_.handover.seconds_per_byte;
  }

  const CostTable& table_;
  const Placement& placement_;
  std::vector<std::vector<bool>> sent_;  // by group and processor
  Busy busy_;
};

}  // namespace

Busy busy_of(const CostTable& table, const Placement& placement) { return BusyCount(table, placement).count(); }

}  // namespace sparseloom::place
