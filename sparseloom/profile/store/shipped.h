#pragma once

#include <string>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// Accuracies that ship with a zoo: <task>/accuracy.csv, listed in zoo.json like every other file (docs/zoo-format.md).
enum class Shipped {
  kAbsent,  ///< the task has no table
  kStale,   ///< it has one, but for other models or data (models_digest() differs): not used
  kLoaded,
  kDamaged  ///< load_shipped() fails; measure() says so where nothing of the table was asked for
};

/// Reads a task's table into `profile`. kDataLoss (hash, truncated), kMalformed (line named); kDamaged is never
/// returned.
Result<Shipped> load_shipped(const zoo::Zoo& zoo, zoo::TaskId task, TaskProfile& profile);
/// Whether that error of load_shipped() means a table to be replaced, rather than a file that cannot be read just now.
bool says_damaged(const Status& status);

/// A variant's accuracy is measured twice: on the whole model when the zoo is built (variant.json) and on its pieces
/// here. kDataLoss names the first whose two figures lie more than a point apart: then the pieces compute something
/// else than the model. Variants that `profile` has no accuracy for are not compared.
Status check_originals(const zoo::Zoo& zoo, zoo::TaskId task, const TaskProfile& profile);

/// `zoo` with its variants' accuracies as `profile` holds them, where it does: what was measured on the pieces, which
/// are what runs, counts more than what variant.json says of the whole model.
zoo::Zoo with_measured_accuracies(zoo::Zoo zoo, const Profile& profile);

/// The table's text for what `profile` holds. kFailedPrecondition if a stitched variant has no accuracy on the profile
/// split; on test, 0 of 0 stands for not measured.
Result<std::string> shipped_table(const zoo::Zoo& zoo, zoo::TaskId task, const TaskProfile& profile);

/// Writes a task's table and lists it in zoo.json, if check_originals() finds nothing. What `profile` lacks is taken
/// from the table that ships, if it is of the same models and not damaged. A process killed at any moment leaves a zoo
/// that loads: the old entry is taken out first, then the file written, then the new entry put in, each step atomic.
Status ship(const zoo::Zoo& zoo, zoo::TaskId task, const TaskProfile& profile);

}  // namespace sparseloom::profile
