#pragma once

#include <utility>

#include "sparseloom/soc/soc.h"

namespace sparseloom::testing {

/// Changes one processor of a machine; the pools follow.
template <typename Change>
void change_processor(soc::Soc& soc, std::size_t index, const Change& change) {
  soc::Processors changed;
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    soc::Processor processor = soc.processors[p];
    if (p == index) change(processor);
    changed.push_back(std::move(processor));
  }
  soc.processors = std::move(changed);
}

}  // namespace sparseloom::testing
