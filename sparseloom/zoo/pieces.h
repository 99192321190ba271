#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/cut.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::zoo {

/// The S consecutive pieces of a model, each a model of its own. Piece i's outputs are piece i+1's inputs, in order;
/// the first takes the model's inputs, the last returns its outputs (a model input or an early output that is needed
/// later travels along as a boundary tensor). kFailedPrecondition names the operators that draw
/// random numbers: a model with such is not cut, but may stay whole.
Result<std::vector<std::unique_ptr<backend::Model>>> cut_model(const backend::Model& model,
                                                               const std::vector<Cut>& cuts);
/// The same with the model's inputs in another order, and with the types that boundaries shall have: by boundary, the
/// model's inputs first, its outputs last; empty: those of its tensors.
Result<std::vector<std::unique_ptr<backend::Model>>> cut_model(const backend::Model& model,
                                                               const std::vector<backend::EdgeId>& inputs,
                                                               const std::vector<Cut>& cuts,
                                                               const std::vector<std::vector<ElementType>>& types = {});

/// Writes the pieces as part0<extension>, part1<extension>, ... into a new folder, all or nothing, and reads each back:
/// a disk that is full does not make every runtime's writer fail.
Status save_pieces(const backend::GraphEditor& editor, const std::vector<std::unique_ptr<backend::Model>>& pieces,
                   const std::filesystem::path& folder, const std::string& extension = ".xml");

/// kFailedPrecondition: nothing but ONNX Runtime reads the variant, and the zoo says otherwise.
Status check_form(const Variant& variant, const backend::Graph& graph);

/// The shapes that a task's models are read with: those that it states, also where the model files leave them dynamic.
std::map<std::string, Shape> shapes_of(const Task& task);

/// Inputs and output of a variant's model are those that its task states: number, name, type (or one that can be
/// converted to it) and shape; where there is only one, it may have any name. Returns the model's inputs in the task's
/// order. kFailedPrecondition.
Result<std::vector<backend::EdgeId>> check_interface(const Task& task, const std::filesystem::path& model,
                                                     const backend::Graph& graph);

/// Piece files of a zoo, in a cache folder, cut when first asked for. A variant's pieces appear all at once (written
/// beside and renamed), so a killed process leaves nothing half-written. Thread-safe, also across processes.
class PieceStore {
 public:
  /// `folder` is usually cache_folder()/pieces/<zoo fingerprint>.
  PieceStore(const Zoo& zoo, const backend::GraphEditor& editor, std::filesystem::path folder);

  /// Path of the model file of stage i of variant v in the form that `provider` runs, by default that for OpenVINO or
  /// the only one: what the editor writes, or ONNX cut out of the variant's ONNX file as it is. Stage 0 takes the
  /// inputs in the task's order. What the variant's model is read from is hashed when first asked for, pieces already
  /// cut or not, and compared with the zoo's list. Cuts the variant when it is not there yet, after checking its inputs
  /// and output against the task's. kDataLoss: a file is not the listed one. kFailedPrecondition: the variant's
  /// boundary tensors differ in type or shape from the dense variant's (both are named), the variant is not there for
  /// the provider, or a tensor at a cut is not there in ONNX.
  Result<std::filesystem::path> piece(TaskId task, VariantId variant, StageId stage,
                                      std::optional<backend::Provider> provider = {});
  /// Whether the variant is there in a form that the provider runs.
  bool runs(TaskId task, VariantId variant, backend::Provider provider) const {
    return is_there_for(zoo_.task(task).variants[variant.index()], provider);
  }
  /// `wanted` if the variant is there for that; else, on a CPU, the first provider that it is there for.
  backend::Provider provider_for(TaskId task, VariantId variant, backend::Provider wanted,
                                 std::string_view device = "CPU") const;

 private:
  struct CutVariant;
  Status check_once(const std::filesystem::path& model);
  Result<CutVariant> find_cuts(const Task& task, const Variant& variant);
  Status cut(const Task& task, const Variant& variant, const std::filesystem::path& folder);
  Status cut_onnx(const Task& task, const Variant& variant, const std::filesystem::path& folder);

  const Zoo& zoo_;
  const backend::GraphEditor& editor_;
  std::filesystem::path folder_;
  std::mutex checking_;
  std::set<std::filesystem::path> checked_;  ///< models whose files are the listed ones
};

}  // namespace sparseloom::zoo
