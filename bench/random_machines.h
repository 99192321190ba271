// Machines like one that is described in a file, and states of them, drawn at random: what a predictor of thresholds
// learns from and is tried on.
#pragma once

#include <random>

#include "sparseloom/place/state.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/soc/soc_file.h"

namespace sparseloom::bench {

/// The same processors, each with its arithmetic, its bandwidth, its launch and its operators' overhead times or over
/// up to 4, and hand-overs of 1 to 100 us.
soc::SocFile random_machine(soc::SocFile machine, std::mt19937_64& random);

/// Every second time the usual state, else processors and memory slowed down by up to 4.
place::MachineState random_state(const place::CostTable& table, std::mt19937_64& random);

/// Activation zeros of groups that read what a ReLU wrote, around a share drawn for the model; others get none. Without
/// data nothing is known of them; measured, ReLUs leave 20 to 80 % of zeros.
void draw_zeros(const backend::Graph& graph, const profile::OperatorCosts& operators, place::CostTable& table,
                std::mt19937_64& random);

}  // namespace sparseloom::bench
