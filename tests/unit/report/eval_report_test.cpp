#include "sparseloom/report/eval_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sparseloom::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

eval::Row row(const std::string& system, plan::GridCell cell, double violations) {
  eval::Row r;
  r.soc = "board";
  r.system = system;
  r.cell = cell;
  r.violation_rate = {violations, violations, violations};
  r.throughput_qps = r.completed_qps = 100;
  return r;
}

std::vector<eval::Row> rows_of(const std::vector<plan::GridCell>& cells) {
  std::vector<eval::Row> rows;
  for (const plan::GridCell& cell : cells) {
    rows.push_back(row("sparseloom", cell, 0.1));
    rows.push_back(row("av-np", cell, 0.4));
  }
  return rows;
}

ReportText text() {
  ReportText t;
  t.zoo = "demo";
  const Plane plane{.task = "image",
                    .originals = {{"dense", 10, 0.9}, {"small", 1, 0.6}},
                    .stitched = {{"", 4, 0.8}},
                    .range = {0.6, 0.9, from_ms(1), from_ms(10)}};
  t.planes = {{"board", {plane}}};
  return t;
}

TEST(EvalHtml, LeadsWithViolationsAndThenThePlane) {
  const std::string page = eval_html(rows_of({{1, 1}, {2, 2}}), text());
  const auto violations = page.find("violations, % over C1..C8"), plane = page.find("Zoo demo on board");
  ASSERT_NE(violations, std::string::npos);
  ASSERT_NE(plane, std::string::npos);
  EXPECT_LT(violations, plane);
  EXPECT_LT(plane, page.find("Means over 2 cells"));
}

TEST(EvalHtml, DrawsSystemsWithoutStitchingDashedAndNamesTheConfigurations) {
  const std::string page = eval_html(rows_of({{1, 1}, {2, 2}}), text());
  EXPECT_THAT(page, HasSubstr(">C2</text>"));
  EXPECT_THAT(page, HasSubstr("stroke-dasharray='5 3'/><text"));  // in the legend
  EXPECT_THAT(page, HasSubstr("av-np: 40 at C1"));
}

TEST(EvalHtml, HasHeatMapsOnlyOfCellsThatWerePlayed) {
  EXPECT_THAT(eval_html(rows_of({{1, 1}, {2, 2}}), text()), Not(HasSubstr("class='heat'"))) << "the diagonal alone";
  std::vector<eval::Row> rows = rows_of({{1, 1}, {1, 4}});
  eval::Row elsewhere = row("sparseloom", {7, 7}, 0.3);
  elsewhere.soc = "another board";
  rows.push_back(elsewhere);
  const std::string page = eval_html(rows, text());
  EXPECT_THAT(page, HasSubstr("<th>1</th><th>4</th></tr><tr><th>1</th>"));
  EXPECT_THAT(page, Not(HasSubstr("<th>7</th>"))) << "of the other board only one cell of the diagonal was played";
}

// A ratio to nothing is none: it is neither infinite nor reached.
TEST(EvalText, SaysWhereABaselineHasNoViolationsToAvoid) {
  const std::string table = eval_text({row("sparseloom", {1, 1}, 0.1), row("av-np", {1, 1}, 0)});
  EXPECT_THAT(table, HasSubstr("baseline has none"));
  EXPECT_THAT(table, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace sparseloom::report
