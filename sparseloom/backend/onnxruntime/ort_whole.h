// Private to this folder: a model that is run as it is and never looked into.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "sparseloom/backend/onnxruntime/ort_session.h"
#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

class OrtWhole final : public Model {
 public:
  /// If the file leaves the shape of an output open, it is what runs on made-up inputs give; that a shape depends on
  /// the data is noticed only if these differ. kMalformed: not an ONNX model; kDataLoss: ONNX Runtime does not read it
  /// either; kInvalidArgument, kFailedPrecondition, kResourceExhausted: as GraphEditor::read(); an output is no tensor,
  /// is empty, or its shape depends on the data.
  static Result<std::unique_ptr<Model>> read(const std::filesystem::path& path,
                                             const std::map<std::string, Shape>& shapes, const std::string& why);

  const Graph& graph() const override { return graph_; }
  using Model::extract;
  /// All of it, inputs in another order if asked for. kFailedPrecondition: a part, or other types.
  Result<std::unique_ptr<Model>> extract(const std::vector<EdgeId>& inputs, const std::vector<EdgeId>& outputs,
                                         const PieceTypes& types) const override;
  /// As ONNX alone (.onnx), with static shapes.
  Status save(const std::filesystem::path& path) const override;

  const std::filesystem::path& path() const { return path_; }
  OrtPorts ports() const;

 private:
  OrtWhole(std::filesystem::path path, const OrtPorts& ports, std::int64_t parameters, std::string why);
  OrtWhole(std::filesystem::path path, Graph graph) : path_(std::move(path)), graph_(std::move(graph)) {}

  std::filesystem::path path_;
  Graph graph_;
};

}  // namespace sparseloom::backend
