// Private to zoo: the cheapest downset of a graph between two ends, by maximum flow.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sparseloom/backend/graph.h"

namespace sparseloom::zoo {

/// A set of nodes, one flag per node of a graph.
using NodeSet = std::vector<bool>;

/// What it costs to let a tensor cross a boundary, per edge of the graph. kNeverCrosses = it must not.
using CrossingCosts = std::vector<std::int64_t>;
inline constexpr std::int64_t kNeverCrosses = std::int64_t{1} << 50;

/// Where a node must stand.
enum class Side : std::uint8_t { kFree, kBefore, kAfter };

/// The downset (with a node come all its ancestors) that contains every kBefore node and no kAfter node and whose
/// leaving tensors cost least: each tensor with a producer inside and a consumer outside, or that the model returns,
/// counts once. The smallest such set; constants belong to none. nullopt if every one would cost kNeverCrosses or the
/// sides contradict each other.
/// Dinic's algorithm: O(V²·E) at worst, near linear on model graphs.
/// Source: E. A. Dinic, Soviet Math. Doklady 11 (1970); J.-C. Picard, "Maximal closure of a graph", Management
/// Science 22 (1976), for the infinite reverse arcs.
std::optional<NodeSet> cheapest_downset(const backend::Graph& graph, const CrossingCosts& costs,
                                        std::span<const Side> sides);

/// The tensors that leave `inside`, by edge index.
std::vector<backend::EdgeId> boundary_of(const backend::Graph& graph, const NodeSet& inside);

}  // namespace sparseloom::zoo
