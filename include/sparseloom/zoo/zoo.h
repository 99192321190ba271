// zoo: the variants of every task on disk (format, hashes, data), where a model can be cut, its pieces, and running
// them one after another. Times nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/provider.h"
#include "sparseloom/base/ids.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"
#include "sparseloom/base/units.h"

namespace sparseloom::zoo {

struct TaskTag;
using TaskId = StrongId<TaskTag>;
struct VariantTag;
using VariantId = StrongId<VariantTag>;  ///< index into its task's variants
struct StageTag;
using StageId = StrongId<StageTag>;  ///< 0 .. S-1

/// One variant index per stage. An original variant has the same index everywhere.
using Sigma = std::vector<VariantId>;

/// What was done to the base model.
struct Compression {
  std::string kind;  ///< as docs/zoo-format.md lists them, e.g. unstructured+int8
  double level = 0;  ///< share removed, 0..1
};

/// One compressed (or dense) version of its task's base model.
struct Variant {
  std::string name;
  std::filesystem::path model;  ///< absolute or relative to the working directory, ready to open
  /// The same in ONNX, for providers that run nothing else; `model` itself if that is ONNX; empty: there is none.
  std::filesystem::path onnx{};
  /// OpenVINO cannot read it: `model` is the ONNX file, which runs whole, and by providers of ONNX alone.
  bool onnx_only = false;
  /// Not empty: a derived variant. It has no model of its own but that of the variant of this name, run by `provider`,
  /// whose answers are others by more than rounding: it computes in another precision, or with other kernels.
  std::string derived_from{};
  std::optional<backend::Provider> provider{};  ///< of a derived variant: nothing else runs it
  Compression compression;
  double weight_sparsity = 0;  ///< share of zeros among linear and convolution weights, 0..1
  std::int64_t parameters = 0;
  double accuracy_profile = 0;  ///< as the zoo's builder measured it, 0..1
  double accuracy_test = 0;

  bool derived() const { return provider.has_value(); }
};

/// Labelled samples of one split.
struct Split {
  std::int64_t samples = 0;
  std::vector<std::filesystem::path> inputs;  ///< one .npy per model input
  std::filesystem::path labels;               ///< i32 [samples]; of metric fidelity the outputs to be compared with
};

/// One job: what goes in and comes out, data to measure with, and the variants of its base model.
struct Task {
  std::string name;
  std::string description;
  std::string base_model;
  std::string metric;         ///< "top1", "top5", "fidelity" (1 - difference of outputs); "none" of a task without data
  std::string accuracy_kind;  ///< "labels", "fidelity" (agreement with the dense model), or "unknown": without data
  std::vector<std::string> classes;  ///< their names; may be empty
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;  ///< the metric looks at the first
  Split profile;
  Split test;                                  ///< may be empty
  std::vector<std::vector<std::string>> cuts;  ///< S-1 sets of tensor names
  std::vector<Variant> variants;               ///< variants[0] is the dense one
  std::map<std::string, Shape> shapes{};       ///< of inputs that are dynamic in the model files, by name

  /// Those that take_out_what_nothing_runs() took out of `variants`, and the names of all, in the zoo's order.
  std::vector<Variant> not_here{};
  std::vector<std::string> all_names{};  ///< empty: those of `variants`

  bool accuracy_known() const { return accuracy_kind != "unknown"; }
  std::size_t stages() const { return cuts.size() + 1; }
  /// What one sample counts in accuracies: of metric fidelity 1000, as an answer may be right in part.
  std::int64_t parts_of_a_sample() const { return metric == "fidelity" ? 1000 : 1; }
  /// kInvalidArgument with the known names if there is none; kUnavailable: it was taken out, as nothing here runs it.
  Result<VariantId> variant(std::string_view name) const;
};

/// One listed file of the zoo.
struct FileEntry {
  std::string path;  ///< relative to the zoo's folder
  Bytes bytes;
  std::string sha256;
};

/// All tasks of one folder. A value: threads may read it while none writes. Model files stay on disk.
struct Zoo {
  std::string name;
  std::filesystem::path root;
  std::vector<Task> tasks;
  std::vector<FileEntry> files;  ///< sorted by path
  /// Identifies models and data: SHA-256 over path, size and hash of every listed file except the `accuracy.csv`
  /// tables, which are measured from the others and so may be added or renewed without making a profile useless.
  std::string fingerprint;

  const Task& task(TaskId id) const { return tasks[id.index()]; }
  /// By name. kInvalidArgument lists the names.
  Result<TaskId> find_task(std::string_view task_name) const;
};

/// The zoo format that this release writes; it reads version 1 too.
inline constexpr std::int64_t kZooFormatVersion = 2;

/// Reads zoo.json, every task.json and every variant.json (format: docs/zoo-format.md). Every listed file must
/// exist with the listed size (cheap) and, links followed, below `root`; contents are hashed by check_files() and, per
/// model, when a piece of it is first asked for. Every file that a model reads must be listed: an IR's weights, an ONNX
/// model's external data. kNotFound, kMalformed, kDataLoss, kFailedPrecondition (format_version of another release, a
/// link that leaves the folder).
Result<Zoo> load_zoo(const std::filesystem::path& root);

/// Hashes every listed file. The first mismatch is kDataLoss and names the file, what was found and what is listed.
Status check_files(const Zoo& zoo);
/// Hashes one listed file, by its path. kDataLoss as above; kNotFound if zoo.json does not list it.
Status check_file(const Zoo& zoo, const std::filesystem::path& path);

/// Identifies what the accuracies of a task's stitched variants depend on: SHA-256 over its variants' names, its
/// inputs' names if they are several, its cuts, and the hash of every listed file of the task but task.json,
/// variant.json, accuracy.csv and second forms of models (Variant::onnx) that no derived variant runs: i.e. of what was
/// run, and on which data. Variants that were taken out count too.
std::string models_digest(const Zoo& zoo, const Task& task);

/// The listed file at `path` (relative to the zoo's folder), or nullptr. O(log files).
const FileEntry* find_file(const Zoo& zoo, std::string_view path);

/// A derived variant's name: "dense@bf16" of dense and the provider openvino-bf16, "int8@onnxruntime".
std::string derived_name(std::string_view variant, backend::Provider provider);

/// Takes the variants out that none of the `offered` providers runs, as derived ones on a machine that cannot compute
/// in their precision, and notes them down in the task. A task's first variant stays.
void take_out_what_nothing_runs(Zoo& zoo, std::span<const backend::Provider> offered);

/// Whether the variant is there in a form that the provider runs: a derived one for its own, others for those that
/// answer what the variant's model says.
bool is_there_for(const Variant& variant, backend::Provider provider);

/// "dense|int8|int8": variant names of σ, for people and files.
std::string describe(const Task& task, const Sigma& sigma);

}  // namespace sparseloom::zoo
