// Private to apps: what `place` shows of batches.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/place/batch.h"

namespace sparseloom::apps {

struct BatchArguments {
  std::vector<std::size_t> batches;
  std::optional<double> latency_ms;
  std::string objective;

  /// Whether a batch is looked for at all.
  bool any() const { return !batches.empty() || latency_ms || !objective.empty(); }
};

void add_batch_options(CLI::App& command, BatchArguments& arguments);

/// kInvalidArgument names the option.
Result<place::BatchOptions> batch_options(const BatchArguments& arguments, const place::PlacerOptions& placer);

/// Joules per inference of a placement of so many requests at once; nullopt: not known.
std::optional<double> joules_per_inference(const place::CostTable& table, const place::Placement& placement,
                                           place::CostModel model, std::size_t batch);

/// A table of the batches, and which is chosen. `joules` has those of every batch, as above.
std::string batches_text(const place::BatchChoice& choice, const place::BatchOptions& options,
                         const std::vector<std::optional<double>>& joules);
Json batches_json(const place::BatchChoice& choice, const place::BatchOptions& options,
                  const std::vector<std::optional<double>>& joules);

}  // namespace sparseloom::apps
