#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/profile/measure/group_zeros.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::cli {

/// The one model that a command looks into: a file, or a variant of a zoo's task, whose data it can be run on.
struct SubjectOptions {
  std::string model;
  std::string task;
  std::string variant;
  std::string zoo;
  std::size_t samples = 32;
  std::vector<std::string> shapes;
};
/// MODEL, --task, --variant, --zoo, --samples and --shape.
void add_subject_options(CLI::App& command, SubjectOptions& options);
/// kInvalidArgument if they do not go together. `command` opens the message.
Status check_subject(std::string_view command, const SubjectOptions& options);

/// A model that has been read, and data to run it on, if there are any.
struct Subject {
  std::unique_ptr<backend::Runtime> runtime;
  std::unique_ptr<backend::Model> model;
  std::string name;                     ///< the file, or "TASK/VARIANT"
  std::filesystem::path file;           ///< that the model was read from
  std::vector<backend::EdgeId> inputs;  ///< in the order of the data
  std::optional<zoo::Dataset> data;     ///< the task's profile split
  std::size_t samples = 0;              ///< of it that are to be run
};
Result<Subject> read_subject(const SubjectOptions& options);

/// What the groups that read `reads` find zero in its data; nothing if there are none. Errors: those of
/// profile::measure_group_zeros(), as that of an interruption.
Result<std::optional<profile::GroupZeros>> measure_zeros(const Subject& subject,
                                                         const std::vector<std::vector<backend::EdgeId>>& reads);

}  // namespace sparseloom::cli
