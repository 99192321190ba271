#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// All orders of four tasks.
constexpr std::size_t kMostOrders = 24;

/// The orders of the tasks 0..tasks-1 that episodes are played in: all of them, in lexicographic order, if they are no
/// more than `limit`; else `limit` shuffles that are the same on every machine.
std::vector<std::vector<zoo::TaskId>> episode_orders(std::size_t tasks, std::size_t limit = kMostOrders);

/// An episode: one request per entry of `order`, each B/P after its predecessor; B is the predecessor's latency bound,
/// P = `processors`, at least 1. A task may come more than once.
ArrivalSequence episode_arrivals(const std::vector<zoo::TaskId>& order, const std::vector<Slo>& slos,
                                 std::size_t processors);

/// The episodes of all episode_orders().
std::vector<ArrivalSequence> episodes(const std::vector<Slo>& slos, std::size_t processors,
                                      std::size_t limit = kMostOrders);

}  // namespace sparseloom::plan
