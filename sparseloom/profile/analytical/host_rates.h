#pragma once

#include "sparseloom/base/status.h"
#include "sparseloom/soc/rates.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::profile {

/// Rates of a CPU processor of this machine, measured now, in about a second: what a large dense layer reaches in FP32
/// and INT8, what copying reaches, and what an inference of one weight takes (launch; per_operator stays 0), each at
/// its fastest. FP16 runs as FP32. For holding a roofline against measured latencies. Pins the calling thread for the
/// while. kInvalidArgument: another device than a CPU.
Result<soc::Rates> measure_rates(const soc::Processor& processor);

}  // namespace sparseloom::profile
