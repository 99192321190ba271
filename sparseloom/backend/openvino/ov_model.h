// Private to this folder: a model that has been read.
#pragma once

#include <memory>
#include <openvino/runtime/core.hpp>
#include <string>

#include "sparseloom/backend/openvino/ov_graph.h"
#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

class OpenVinoModel final : public Model {
 public:
  /// `where` names the model in messages (its path).
  static Result<std::unique_ptr<Model>> make(std::shared_ptr<ov::Core> core, std::shared_ptr<ov::Model> model,
                                             std::string where);

  const Graph& graph() const override { return converted_.graph; }
  using Model::extract;
  Result<std::unique_ptr<Model>> extract(const std::vector<EdgeId>& inputs, const std::vector<EdgeId>& outputs,
                                         const PieceTypes& types) const override;
  Result<NarrowedModel> narrow(const AxisRange& range) const override;
  Status save(const std::filesystem::path& path) const override;
  Result<std::unique_ptr<Executable>> compile(const CompileOptions& options) const;

 private:
  OpenVinoModel(std::shared_ptr<ov::Core> core, std::shared_ptr<ov::Model> model, std::string where,
                ConvertedGraph converted)
      : core_(std::move(core)), model_(std::move(model)), where_(std::move(where)), converted_(std::move(converted)) {}

  std::shared_ptr<ov::Core> core_;
  std::shared_ptr<ov::Model> model_;
  std::string where_;
  ConvertedGraph converted_;
};

}  // namespace sparseloom::backend
