#pragma once

#include <string>
#include <vector>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// What σ, a placement and its providers are called in documents and tables: one name per stage.
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

inline std::vector<std::string> provider_names(const std::vector<backend::Provider>& providers) {
  std::vector<std::string> names;
  for (const backend::Provider b : providers) names.emplace_back(backend::provider_name(b));
  return names;
}

}  // namespace sparseloom::plan
