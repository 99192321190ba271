// Private to profile: the compiled stages of a task.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

/// [variant][stage], all for one device and number of threads.
using StageTable = std::vector<std::vector<std::shared_ptr<backend::Executable>>>;

/// One stage of one variant, cut first if it has not been; on a CPU by another provider than asked for if the
/// variant is not there for that.
Result<std::shared_ptr<backend::Executable>> load_stage(const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                                        zoo::TaskId task, zoo::VariantId variant, zoo::StageId stage,
                                                        const backend::CompileOptions& options);

/// Where a stage's tensors are when it is measured: what requests bring and take away lies in host memory, what stages
/// pass on in that of the executable's device, if it has its own.
zoo::StageEnds measured_ends(const backend::Executable& executable, std::size_t stage, std::size_t stages);

/// Every stage of every variant.
Result<StageTable> load_stages(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces,
                               zoo::TaskId task, const backend::CompileOptions& options);

}  // namespace sparseloom::profile
