#include "cli/subject.h"

#include <algorithm>

#include "cli/setup.h"
#include "cli/shapes.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::cli {
namespace {

Result<Subject> read_file_subject(const SubjectOptions& options) {
  Subject subject;
  SL_ASSIGN_OR_RETURN(const auto shapes, parse_shapes(options.shapes));
  SL_ASSIGN_OR_RETURN(subject.runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(subject.model, subject.runtime->read(options.model, shapes));
  subject.name = options.model;
  subject.file = options.model;
  return subject;
}

Result<Subject> read_task_subject(const SubjectOptions& options) {
  SL_ASSIGN_OR_RETURN(const zoo::Zoo zoo,
                      load_zoo(options.zoo.empty() ? default_zoo() : std::filesystem::path(options.zoo)));
  SL_ASSIGN_OR_RETURN(const zoo::TaskId id, zoo.find_task(options.task));
  const zoo::Task& task = zoo.task(id);
  zoo::VariantId variant(0);
  if (!options.variant.empty()) {
    SL_ASSIGN_OR_RETURN(variant, task.variant(options.variant));
  }
  const zoo::Variant& of = task.variants[variant.index()];
  Subject subject;
  SL_ASSIGN_OR_RETURN(subject.runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(subject.model, subject.runtime->read(of.model, zoo::shapes_of(task)));
  SL_ASSIGN_OR_RETURN(subject.inputs, zoo::check_interface(task, of.model, subject.model->graph()));
  subject.name = task.name + "/" + of.name;
  subject.file = of.model;
  if (task.profile.samples > 0) {
    SL_ASSIGN_OR_RETURN(subject.data, zoo::Dataset::load(zoo, task, task.profile));
    subject.samples = std::min(options.samples, subject.data->size());
  }
  return subject;
}

}  // namespace

void add_subject_options(CLI::App& command, SubjectOptions& options) {
  command.add_option("MODEL", options.model, "OpenVINO IR (.xml) or ONNX (.onnx)");
  command.add_option("--task", options.task, "of the zoo, in the place of a file: its data say how much is zero");
  command.add_option("--variant", options.variant, "of the task (default: the first)");
  command.add_option("--zoo", options.zoo, "folder of the zoo (default: zoos/demo)");
  command.add_option("--samples", options.samples, "of the profile split that the model is run on (default 32)");
  command.add_option("--shape", options.shapes, "static shape of a dynamic input: NAME=1,3,224,224")
      ->allow_extra_args(false);
}

Status check_subject(std::string_view command, const SubjectOptions& options) {
  if (options.model.empty() == options.task.empty())
    return error(Code::kInvalidArgument, "{}: needs a model file or --task, one of them", command);
  if (options.samples == 0) return error(Code::kInvalidArgument, "--samples: 0; allowed: 1 or more");
  return parse_shapes(options.shapes).status();
}

Result<Subject> read_subject(const SubjectOptions& options) {
  return options.task.empty() ? read_file_subject(options) : read_task_subject(options);
}

Result<std::optional<profile::GroupZeros>> measure_zeros(const Subject& subject,
                                                         const std::vector<std::vector<backend::EdgeId>>& reads) {
  std::optional<profile::GroupZeros> zeros;
  if (!subject.data) return zeros;
  SL_ASSIGN_OR_RETURN(
      zeros, profile::measure_group_zeros(*subject.runtime, *subject.model, subject.inputs, reads, *subject.data,
                                          subject.samples, [] { return interrupted().load(); }));
  return zeros;
}

}  // namespace sparseloom::cli
