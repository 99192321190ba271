#include "sparseloom/profile/host_rates.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "sparseloom/backend/layer_model.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;

template <typename Action>
Result<Seconds> median_of(int runs, Action action) {
  std::vector<Seconds> times;
  for (int run = -1; run < runs; ++run) {  // run -1 warms up
    const auto start = Clock::now();
    SL_RETURN_IF_ERROR(action());
    if (run >= 0) times.push_back(Clock::now() - start);
  }
  return quartiles(std::move(times)).median;
}

// One inference of a dense linear layer with outputs x inputs weights.
Result<Seconds> layer_time(std::size_t inputs, std::size_t outputs, std::size_t positions, int threads,
                           backend::LayerPrecision precision, int runs) {
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
  return median_of(runs, [&] { return session->run(); });
}

Result<double> operations_per_second(int threads, backend::LayerPrecision precision) {
  constexpr std::size_t kWidth = 768, kPositions = 128;
  SL_ASSIGN_OR_RETURN(const Seconds time, layer_time(kWidth, kWidth, kPositions, threads, precision, 30));
  return 2.0 * kWidth * kWidth * kPositions / time.count();
}

// Bytes read and written per second by copying what no cache holds.
Result<double> bytes_per_second() {
  constexpr std::size_t kBytes = std::size_t{128} << 20;
  HostBuffer from(kBytes), to(kBytes);
  SL_ASSIGN_OR_RETURN(const Seconds time, median_of(5, [&] {
                        std::memcpy(to.data(), from.data(), kBytes);
                        return Status();
                      }));
  return 2.0 * kBytes / time.count();
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
  SL_ASSIGN_OR_RETURN(rates.launch, layer_time(1, 1, 1, threads, backend::LayerPrecision::kF32, 200));
  return rates;
}

}  // namespace

Result<soc::Rates> measure_rates(const soc::Processor& processor) {
  if (processor.device != "CPU") {
    return error(Code::kInvalidArgument, "processor '{}': its rates cannot be measured, only a CPU's; it is a {}",
                 processor.name, processor.device);
  }
  const std::vector<CpuIndex> before = allowed_cpus();
  SL_RETURN_IF_ERROR(pin_this_thread(processor.cores));
  auto rates = measure(static_cast<int>(std::max<std::size_t>(processor.cores.size(), 1)));
  SL_RETURN_IF_ERROR(pin_this_thread(before));
  return rates;
}

}  // namespace sparseloom::profile
