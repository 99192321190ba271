#include "sparseloom/place/placers.h"

#include "sparseloom/base/names.h"

namespace sparseloom::place {

const std::vector<Placer>& placers() {
  static const std::vector<Placer> all{
      {"exact", "the least latency, with a proof or a proven gap", place_exactly},
      {"cut", "whole groups on two processors, the least sum of costs: a minimum cut", place_by_cut},
      {"threshold", "on the CPU if sparse enough or of too little intensity, by the best two thresholds",
       place_by_threshold},
      {"sparoa-threshold", "the same by two thresholds that a network predicts (our reading of SparOA)",
       place_by_sparoa_threshold},
      {"sparoa-sac",
       "divided group by group by a policy that reinforcement learning has trained (our reading of SparOA)",
       place_by_sac},
      {"greedy", "each group where it alone is fastest", place_greedily},
      {"codl", "chains of groups divided so that both processors finish together (CoDL)", place_by_codl},
      {"cpu", "all on the fastest CPU", place_on_cpu},
      {"gpu", "all on the fastest GPU", place_on_gpu}};
  return all;
}

Result<const Placer*> find_placer(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Placer& placer : placers()) {
    if (placer.name == name) return &placer;
    known.push_back(placer.name);
  }
  return unknown_name("method", name, known);
}

}  // namespace sparseloom::place
