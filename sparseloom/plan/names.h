#pragma once

#include <string>
#include <vector>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// What σ, a placement and its backends are called in documents and tables: one name per stage.
inline std::vector<std::string> variant_names(const zoo::Task& task, const zoo::Sigma& sigma) {
  std::vector<std::string> names;
  for (const zoo::VariantId v : sigma) names.push_back(task.variants[v.index()].name);
  return names;
}

inline std::vector<std::string> processor_names(const soc::Soc& soc, const Placement& placement) {
  std::vector<std::string> names;
  for (const soc::ProcessorId p : placement) names.push_back(soc.processor(p).name);
  return names;
}

inline std::vector<std::string> backend_names(const std::vector<soc::Backend>& backends) {
  std::vector<std::string> names;
  for (const soc::Backend b : backends) names.emplace_back(soc::to_string(b));
  return names;
}

}  // namespace sparseloom::plan
