#pragma once

#include "sparseloom/sched/trace.h"
#include "sparseloom/simulate/simulation.h"

namespace sparseloom::simulate {

/// Puts what ran into a trace, which must outlive it.
class Tracer final : public Observer {
 public:
  explicit Tracer(sched::TraceSink& sink) : sink_(sink) {}
  void ran(const sched::Request& /*request*/, const sched::Dispatch& dispatch, Seconds start, Seconds end,
           bool /*waited*/) override {
    sink_.record({dispatch, start, end});
  }
  void finished(const Query& /*query*/, Seconds /*at*/) override {}

 private:
  sched::TraceSink& sink_;
};

}  // namespace sparseloom::simulate
