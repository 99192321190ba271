#include "sparseloom/profile/analytical/host_rates.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "sparseloom/backend/layer_model.h"
#include "sparseloom/base/restore_cores.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;

// Rates are what the hardware reaches when nothing disturbs it, so the fastest run counts.
template <typename Action>
Result<Seconds> fastest_of(int runs, Action action) {
  Seconds fastest = Seconds::max();
  for (int run = 0; run < runs; ++run) {
    const auto start = Clock::now();
    SL_RETURN_IF_ERROR(action());
    fastest = std::min<Seconds>(fastest, Clock::now() - start);
  }
  return fastest;
}

// One inference of a dense linear layer with outputs x inputs weights.
Result<Seconds> layer_time(std::size_t inputs, std::size_t outputs, std::size_t positions, int threads,
                           backend::LayerPrecision precision) {
  const backend::LayerShape shape{backend::sparse::LinearShape{inputs, positions}, outputs, 1};
  const std::vector<float> weights(outputs * inputs, 0.5F);
  const std::vector<float> bias(outputs);
  backend::CompileOptions options;
  options.threads = threads;
  SL_ASSIGN_OR_RETURN(const auto executable, backend::compile_dense_layer(shape, weights, bias, precision, options));
  SL_ASSIGN_OR_RETURN(const auto session, executable->new_session());
  HostBuffer x(shape.x_elements() * sizeof(float)), y(shape.y_elements() * sizeof(float));
  SL_RETURN_IF_ERROR(session->bind_input(0, x.span()));
  SL_RETURN_IF_ERROR(session->bind_output(0, y.span()));
  return fastest_of(200, [&] { return session->run(); });
}

Result<double> operations_per_second(int threads, backend::LayerPrecision precision) {
  constexpr std::size_t kWidth = 512, kPositions = 128;
  SL_ASSIGN_OR_RETURN(const Seconds time, layer_time(kWidth, kWidth, kPositions, threads, precision));
  return 2.0 * kWidth * kWidth * kPositions / time.count();
}

// Bytes read and written per second by copying, piece by piece, what no cache holds.
Result<double> bytes_per_second() {
  constexpr std::size_t kPieces = 128, kPieceBytes = std::size_t{1} << 20;
  HostBuffer from(kPieces * kPieceBytes), to(kPieces * kPieceBytes);
  std::memset(from.data(), 1, from.size());  // so that every page is there
  std::memset(to.data(), 1, to.size());
  std::size_t at = 0;
  SL_ASSIGN_OR_RETURN(const Seconds time, fastest_of(kPieces, [&] {
                        std::memcpy(to.data() + at, from.data() + at, kPieceBytes);
                        at += kPieceBytes;
                        return Status();
                      }));
  return 2.0 * kPieceBytes / time.count();
}

Result<soc::Rates> measure(int threads) {
  using backend::Precision;
  soc::Rates rates;
  SL_ASSIGN_OR_RETURN(const double fp32, operations_per_second(threads, backend::LayerPrecision::kF32));
  SL_ASSIGN_OR_RETURN(const double int8, operations_per_second(threads, backend::LayerPrecision::kI8));
  rates.of(Precision::kFp32) = {Precision::kFp32, fp32};
  rates.of(Precision::kFp16) = {Precision::kFp32, 0};
  rates.of(Precision::kInt8) = {Precision::kInt8, int8};
  SL_ASSIGN_OR_RETURN(rates.bytes_per_second, bytes_per_second());
  SL_ASSIGN_OR_RETURN(rates.launch, layer_time(1, 1, 1, threads, backend::LayerPrecision::kF32));
  return rates;
}

}  // namespace

Result<soc::Rates> measure_rates(const soc::Processor& processor) {
  if (processor.device != "CPU") {
    return error(Code::kInvalidArgument, "processor '{}': its rates cannot be measured, only a CPU's; it is a {}",
                 processor.name, processor.device);
  }
  const RestoreCores restore;
  SL_RETURN_IF_ERROR(pin_this_thread(processor.cores));
  return measure(static_cast<int>(std::max<std::size_t>(processor.cores.size(), 1)));
}

}  // namespace sparseloom::profile
