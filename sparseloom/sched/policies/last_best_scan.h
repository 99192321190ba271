#pragma once

#include "sparseloom/sched/policies/score_index.h"

namespace sparseloom::sched {

/// The standing that a scan in the order of admission gives a request when the largest score wins, its best starts at
/// -1, a request replaces a negative best whatever its own score, and otherwise one that is not larger unless the
/// scores are equal and the one held arrived earlier. So non-negative scores go by size, of equal ones the first
/// arrival's last admission; if all are negative, the last admission wins (also
/// over an earlier one with exactly its score, which a scan might keep: the one deviation, and it takes two late
/// requests whose scores agree in every bit). That is how the published scheduler scans for planaria and sdrm3
/// (docs/simulate.md).
inline Standing scan_standing(double score, double arrival, double order) {
  return score >= 0 ? Standing{-score, arrival, -order} : Standing{1, 0, -order};
}

}  // namespace sparseloom::sched
