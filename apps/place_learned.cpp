#include "apps/place_learned.h"

#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/place/learned/policy_file.h"

namespace sparseloom::apps {
namespace {

constexpr std::string_view kPredicting = "sparoa-threshold";

Result<profile::ThresholdPredictor> load_predictor(const backend::Runtime& runtime) {
  SL_ASSIGN_OR_RETURN(const std::filesystem::path file, cli::find_predictor(kPredicting));
  return profile::ThresholdPredictor::load(runtime, file);
}

}  // namespace

Result<place::Placed> LearnedMethods::place(const place::Placer& method, const place::CostTable& table,
                                            place::PlacerOptions options) {
  if (method.name == kPredicting) {
    if (!predictor_) predictor_.emplace(load_predictor(runtime_));
    if (!predictor_->ok()) return predictor_->status();
    SL_ASSIGN_OR_RETURN(options.thresholds, (*predictor_)->predict(table, options.model));
  }
  return method.place(table, options);
}

Result<std::shared_ptr<const place::SacPolicy>> read_policy(const std::string& file) {
  if (file.empty()) return std::shared_ptr<const place::SacPolicy>();
  SL_ASSIGN_OR_RETURN(const std::string text, read_file(file));
  SL_ASSIGN_OR_RETURN(place::SacPolicy policy, place::parse_policy(text, file));
  return std::make_shared<const place::SacPolicy>(std::move(policy));
}

}  // namespace sparseloom::apps
