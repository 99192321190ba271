// Private to apps: what the model that `place` looks at costs.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/subject.h"
#include "sparseloom/place/cost_table.h"

namespace sparseloom::apps {

/// --soc: this machine, measured.
inline constexpr std::string_view kHost = "host";

/// What a model costs that serves so many requests at once, and where.
struct Costs {
  std::string soc;
  bool modelled = true;
  place::CostTable table;
  std::size_t batch = 1;
  std::vector<std::vector<backend::EdgeId>> reads{};  ///< by group
};

/// The costs of one batch or more, each found once, with the zeros that the model finds in its data.
class CostsOfBatches {
 public:
  /// `subject` must outlive it.
  CostsOfBatches(const cli::Subject& subject, std::string soc, std::optional<double> handover_us)
      : subject_(subject), soc_(std::move(soc)), handover_us_(handover_us) {}

  Result<const Costs*> of(std::size_t batch);

 private:
  Result<Costs> find(std::size_t batch) const;

  const cli::Subject& subject_;
  std::string soc_;
  std::optional<double> handover_us_;
  std::optional<profile::GroupZeros> zeros_;  // batches have the groups of one request
  std::map<std::size_t, Costs> known_;
};

}  // namespace sparseloom::apps
