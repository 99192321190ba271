#pragma once

#include <optional>

#include "sparseloom/place/cost_table.h"
#include "sparseloom/place/evaluate.h"

namespace sparseloom::place {

/// Joules of one run of the model, modelled; of a batch, of all its requests together. The sum of
///   latency · Σ idle watts of all processors,
///   seconds that a processor computes · (active − idle watts), over processors and groups,
///   joules per byte · (traffic of every share + 2 · bytes copied between memory domains: read there, written here).
/// A tensor is copied once into each memory domain whose processors read what they have not written (along a chain that
/// is divided alike they have); an input of the model for each group that reads it outside the host's memory; an output
/// into the host's, if it is not there. Waiting, launching and synchronising count as idle.
/// nullopt: the table has no energy. kCannot if a processor cannot run its share. O(inputs · P²).
std::optional<double> energy_of(const CostTable& table, const Placement& placement, CostModel model);

/// Parts of it, of a table that has energy.
/// Watts of all processors when idle.
double idle_watts(const EnergyCosts& energy);
/// Of the group so divided: computing beyond idle, and its traffic.
double group_joules(const CostTable& table, std::size_t group, const Share& share);
/// Of copying so many bytes into another domain.
double copy_joules(const CostTable& table, double bytes);
/// Memory domains, one behind the last.
std::size_t memory_domains(const CostTable& table);
/// Whether a processor of the domain has a share.
bool shares_in(const CostTable& table, const Share& share, std::size_t domain);
/// Bytes of the group's result, so divided, that lie outside the domain.
double bytes_outside(const CostTable& table, std::size_t group, const Share& share, std::size_t domain);

}  // namespace sparseloom::place
