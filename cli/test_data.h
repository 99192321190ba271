#pragma once

#include <memory>
#include <vector>

#include "sparseloom/engine/player.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::cli {

/// Every task's test split, as players take it.
struct TestData {
  std::vector<std::unique_ptr<zoo::Dataset>> splits;  ///< spans of `samples` point into these
  std::vector<engine::TaskSamples> samples;           ///< by task
};

/// kFailedPrecondition: a task without a test split. Errors of zoo::Dataset::load.
inline Result<TestData> load_test_data(const zoo::Zoo& zoo) {
  TestData data;
  for (const zoo::Task& task : zoo.tasks) {
    if (task.test.samples == 0) {
      return error(Code::kFailedPrecondition, "task '{}': it has no test split, whose samples would be played",
                   task.name);
    }
    SL_ASSIGN_OR_RETURN(zoo::Dataset split, zoo::Dataset::load(zoo, task, task.test));
    data.splits.push_back(std::make_unique<zoo::Dataset>(std::move(split)));
    data.samples.push_back(engine::samples_of(*data.splits.back(), task.inputs.size()));
  }
  return data;
}

}  // namespace sparseloom::cli
