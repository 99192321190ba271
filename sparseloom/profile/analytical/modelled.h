#pragma once

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/json.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/soc/soc_file.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

/// The profile of a machine that is described in a file. A subgraph's latency and resident bytes are those that the
/// file's table gives for this zoo, else roofline() of its piece by the processor's rates. Accuracies are those that
/// ship with the zoo; transfers are the file's, boundary sizes those of the dense variant's pieces. Sparsities of
/// stage outputs stay unknown. Cuts what has not been cut; reads every piece (about 10 ms each), compiles none.
/// kFailedPrecondition: tables of other zoos alone, neither a measurement nor rates for a subgraph (it is named), a
/// table with a task, variant or stage that the zoo lacks, or accuracies that do not ship.
Result<Profile> model_profile(const zoo::Zoo& zoo, const soc::SocFile& file, const backend::Runtime& runtime,
                              zoo::PieceStore& pieces);
/// The same without accuracies: also for zoos that ship none.
Result<Profile> model_latencies(const zoo::Zoo& zoo, const soc::SocFile& file, const backend::Runtime& runtime,
                                zoo::PieceStore& pieces);

/// A SoC file (docs/soc-format.md) that describes `soc` by what `profile` has measured of the zoo on it, and by no
/// rates. kFailedPrecondition if nothing was measured.
Result<Json> soc_file_of(const zoo::Zoo& zoo, const soc::Soc& soc, const Profile& profile);

}  // namespace sparseloom::profile
