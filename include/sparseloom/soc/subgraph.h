#pragma once

#include <compare>
#include <cstddef>

#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::soc {

/// One compiled subgraph: stage `stage` of a task's variant, for a processor by one of its providers. The key of all
/// that is measured, planned, compiled or kept per subgraph.
struct SubgraphKey {
  zoo::TaskId task;
  zoo::VariantId variant;
  zoo::StageId stage;
  ProcessorId processor;
  backend::Provider provider = backend::Provider::kOpenVino;
  std::size_t batch = 1;  ///< samples that one run takes
  friend auto operator<=>(const SubgraphKey&, const SubgraphKey&) = default;
};

}  // namespace sparseloom::soc
