#include "sparseloom/simulate/finish_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

namespace sparseloom::simulate {
namespace {

constexpr std::size_t kLargeText = 1 << 18;

}  // namespace

Result<FinishTable> FinishTable::create(const std::filesystem::path& path,
                                        const std::vector<std::string_view>& policies) {
  SL_ASSIGN_OR_RETURN(FileWriter file, FileWriter::create(path));
  FinishTable table(std::move(file), policies.size());
  table.text_ = fmt::format("{}\n", fmt::join(policies, ","));
  return table;
}

void FinishTable::finished(std::size_t policy, std::size_t row, Seconds at) {
  const std::size_t index = row - first_row_;
  if (index >= finished_.size()) {
    finished_.resize(index + 1, 0);
    times_.resize((index + 1) * policies_);
  }
  times_[index * policies_ + policy] = at.count();
  ++finished_[index];
  if (index == 0 && finished_.front() == policies_) print_complete_rows();
}

void FinishTable::print_complete_rows() {
  const auto out = std::back_inserter(text_);
  while (!finished_.empty() && finished_.front() == policies_) {
    for (std::size_t p = 0; p < policies_; ++p) {
      fmt::format_to(out, "{}{}", times_.front(), p + 1 < policies_ ? ',' : '\n');
      times_.pop_front();
    }
    finished_.pop_front();
    ++first_row_;
  }
}

Status FinishTable::flush_some() {
  if (text_.size() < kLargeText) return {};
  SL_RETURN_IF_ERROR(file_.write(text_));
  text_.clear();
  return {};
}

Status FinishTable::commit() {
  SL_RETURN_IF_ERROR(file_.write(text_));
  return file_.commit();
}

}  // namespace sparseloom::simulate
