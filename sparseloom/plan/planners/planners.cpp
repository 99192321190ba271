#include "sparseloom/base/names.h"
#include "sparseloom/plan/planners/baseline.h"
#include "sparseloom/plan/planners/exact_planner.h"
#include "sparseloom/plan/planners/paper_planner.h"
#include "sparseloom/plan/planners/shared_planner.h"
#include "sparseloom/plan/planners/sparseloom_planner.h"

namespace sparseloom::plan {

namespace {

const SparseloomPlanner kSparseloom;
const PaperPlanner kPaper;
const ExactPlanner kExact;
const BaselinePlanner kSvAoNp("sv-ao-np", choose_most_accurate, place_whole);
const BaselinePlanner kSvAoP("sv-ao-p", choose_most_accurate, place_pipelined);
const BaselinePlanner kSvLoNp("sv-lo-np", choose_fastest, place_whole);
const BaselinePlanner kSvLoP("sv-lo-p", choose_fastest, place_pipelined);
const BaselinePlanner kAvNp("av-np", choose_fastest_feasible, place_whole);
const BaselinePlanner kAvP("av-p", choose_fastest_feasible, place_pipelined);
const SharedPlanner kShared;

}  // namespace

const std::vector<const Planner*>& planners() {
  // The table of planners. A new one gets its own file and a line here.
  static const std::vector<const Planner*> all{&kSparseloom, &kPaper, &kExact, &kSvAoNp, &kSvAoP,
                                               &kSvLoNp,     &kSvLoP, &kAvNp,  &kAvP,    &kShared};
  return all;
}

Result<const Planner*> find_planner(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Planner* planner : planners()) {
    if (planner->name() == name) return planner;
    names.push_back(planner->name());
  }
  return unknown_name("planner", name, names);
}

}  // namespace sparseloom::plan
