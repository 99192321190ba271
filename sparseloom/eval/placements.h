#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/status.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/soc/soc_file.h"

namespace sparseloom::eval {

/// What a method of placing operators makes of a model on a modelled machine.
struct PlacementRow {
  std::string network, soc, method;
  std::string why_not{};   ///< not empty: the machine has not what the method takes, and what follows is nothing
  double latency = 0;      ///< seconds, by place::latency_of()
  double over_alone = 0;   ///< how many times as fast as the best processor alone
  double lower_bound = 0;  ///< 0: the method looks for none
  double gap = 0;          ///< of those that look for one
  bool optimal = false;
  std::optional<double> joules{};  ///< per inference, modelled; nullopt: the machine does not say what it draws
  double decided_in = 0;           ///< seconds
  std::size_t groups = 0;          ///< operator groups, of which so many
  std::size_t divided = 0;         ///< are divided between processors
};

/// A model by its name.
struct Network {
  std::string name;
  backend::Graph graph;
};

/// One method for one table, with what it has learned before.
using PlaceBy = std::function<Result<place::Placed>(const place::Placer&, const place::CostTable&)>;

/// Every network on every machine by every method, in that order, under cost model `model`. Errors of
/// profile::modelled_costs(), with the network.
Result<std::vector<PlacementRow>> evaluate_placements(const std::vector<Network>& networks,
                                                      const std::vector<soc::SocFile>& machines, place::CostModel model,
                                                      const PlaceBy& place);

/// A method over all rows that it has an answer in.
struct PlacementSummary {
  std::string method;
  std::size_t rows = 0;
  double over_alone = 0;  ///< geometric mean
  double worst_over_alone = 0;
  double over_exact = 0;  ///< geometric mean of its latency over that of `exact` on the same network and machine
  double worst_over_exact = 0;
  double slowest_decision = 0;  ///< seconds
};
std::vector<PlacementSummary> summarize(const std::vector<PlacementRow>& rows);

}  // namespace sparseloom::eval
