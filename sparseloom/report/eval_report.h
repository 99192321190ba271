#pragma once

#include <string>
#include <vector>

#include "sparseloom/eval/grid.h"
#include "sparseloom/eval/memory.h"
#include "sparseloom/eval/profiling.h"
#include "sparseloom/report/plane.h"

namespace sparseloom::report {

/// What the page says besides the rows.
struct ReportText {
  std::string zoo;
  std::string settings;  ///< one sentence: cells, repeats, seeds
  std::string accuracy;  ///< what it is where it is not the share of right labels (accuracy_note)
  bool complete = true;
  std::vector<std::pair<std::string, std::vector<Plane>>> planes;                ///< by machine
  std::vector<std::pair<std::string, std::vector<eval::MemoryPoint>>> memory{};  ///< by machine
  std::vector<std::vector<eval::ProfilingRow>> profiling{};                      ///< by machine
};

/// The tables of the evaluation for a terminal: per machine the means of every system and the targets.
std::string eval_text(const std::vector<eval::Row>& rows);

/// One line per preloader: the least memory that violates no more than full preloading does.
std::string memory_text(const std::vector<eval::MemoryPoint>& points);

/// The same and all cells as a page that needs no other file.
std::string eval_html(const std::vector<eval::Row>& rows, const ReportText& text);

}  // namespace sparseloom::report
