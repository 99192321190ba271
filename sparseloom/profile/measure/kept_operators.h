// Private to profile: operators that were measured, in a file.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/place/cost_table.h"

namespace sparseloom::profile {

/// What members are alike in: provider, device, threads and number of cores.
std::string kind_of_member(const backend::CompileOptions& member);
/// What times of a model's groups depend on, beside its file: libraries, the shapes it was read with, members.
std::string kept_subject(const backend::Executor& executor, const backend::Graph& graph,
                         const std::vector<backend::CompileOptions>& members);

/// One group of a model, as measured.
struct KeptOperator {
  std::string name;
  /// By kind of member: seconds by quarters.
  std::vector<std::array<double, place::kQuarters + 1>> seconds;
  std::optional<std::size_t> axis{};
  bool along = false;
};

/// A file that grows by a line per group, so that a measurement that was stopped goes on where it was. What is damaged,
/// or of something else than `subject` (whatever the times depend on), counts as not measured. Not thread-safe.
class KeptOperators {
 public:
  /// Of no file: keeps nothing.
  KeptOperators() = default;
  KeptOperators(std::filesystem::path file, const std::string& subject);

  /// None if it is not there, or there by another name.
  std::optional<KeptOperator> find(std::size_t group, const std::string& name) const;
  /// A file that cannot be written keeps nothing.
  void keep(std::size_t group, const KeptOperator& measured);

 private:
  std::filesystem::path file_;
  std::map<std::size_t, KeptOperator> known_;
};

}  // namespace sparseloom::profile
