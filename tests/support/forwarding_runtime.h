#pragma once

#include <memory>

#include "sparseloom/backend/scripted/scripted_runtime.h"

namespace sparseloom::testing {

/// The scripted runtime, for tests that change one thing about it.
class ForwardingRuntime : public backend::Runtime {
 public:
  std::string name() const override { return scripted_->name(); }
  std::string version() const override { return scripted_->version(); }
  std::vector<backend::Device> devices() const override { return scripted_->devices(); }
  Result<std::unique_ptr<backend::Model>> read(const std::filesystem::path& path,
                                               const std::map<std::string, Shape>& shapes) const override {
    return scripted_->read(path, shapes);
  }
  Result<std::unique_ptr<backend::Executable>> load(const std::filesystem::path& path,
                                                    const backend::CompileOptions& options) const override {
    return scripted_->load(path, options);
  }
  Result<std::unique_ptr<backend::Executable>> compile(const backend::Model& model,
                                                       const backend::CompileOptions& options) const override {
    return scripted_->compile(model, options);
  }

 private:
  std::unique_ptr<backend::Runtime> scripted_ = backend::make_scripted_runtime();
};

}  // namespace sparseloom::testing
