#pragma once

#include <string>

#include "sparseloom/zoo/zoo.h"

namespace sparseloom::report {

/// What accuracies of `zoo` are where they are not shares of right labels: a line for people, beside every table that
/// shows them; empty if all are.
std::string accuracy_note(const zoo::Zoo& zoo);

}  // namespace sparseloom::report
