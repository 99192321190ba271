#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sparseloom/backend/sparse/matrix.h"

// The loops that take the time, compiled for several instruction sets; the best one that the CPU has is used.
namespace sparseloom::backend::sparse::kernels {

/// What matrices must be compressed for on this CPU: panels of four vectors.
Layout layout();

/// "AVX2", "AVX3", "NEON": the instruction set in use.
std::string instruction_set();
/// All that this CPU could run, best first, and how to make only one of them be used (empty: the best again). For
/// tests; not thread-safe, and matrices must be compressed anew where the layout differs.
std::vector<std::string> instruction_sets();
void use_instruction_set(const std::string& name);

/// How a layer's input is quantized: `levels` numbers from `low` on, in equal steps (OpenVINO's FakeQuantize, its
/// output range equal to its input range). Halves go to the even level; what lies outside goes to the first or last
/// level.
struct Quantization {
  float low = 0, step = 1;
  std::uint32_t levels = 256;  ///< 2 or more
};

/// y[k] = the quantized x[k]; x may be y.
void quantize(const float* x, std::size_t count, const Quantization& to, float* y);
/// y[k] = the level of x[k], 0..levels-1.
void quantize_to_levels(const float* x, std::size_t count, const Quantization& to, std::int32_t* y);
void quantize_to_levels(const float* x, std::size_t count, const Quantization& to, std::uint8_t* y);

/// Fills `panel`, lines x panel_width words of 4 bytes, with `positions` columns (at most the width; the rest of the
/// last vector they reach is zeroed or filled with anything finite, what lies behind it left alone).
/// from_positions: x[p·stride + i], word i of position p (tokens, each with its features).
/// from_inputs:    x[i·stride + p] (channels, each with its pixels).
void pack_from_positions(const float* x, std::size_t stride, std::size_t lines, std::size_t positions, float* panel);
void pack_from_inputs(const float* x, std::size_t stride, std::size_t lines, std::size_t positions, float* panel);
/// from_offsets:   x[offsets[i] + p]; whole vectors are read, so up to 15 numbers behind the last position as well.
void pack_from_offsets(const float* x, const std::uint32_t* offsets, std::size_t lines, std::size_t positions,
                       float* panel);
/// quads_from_offsets: levels x[offsets[i] + p] as bytes, those of inputs 4k..4k+3 in line k (what is missing of the
/// last is 0). Reads as from_offsets does.
void pack_quads_from_offsets(const std::int32_t* x, const std::uint32_t* offsets, std::size_t inputs,
                             std::size_t positions, std::uint32_t* panel);

/// y[k] = x[k·step], `count` of them.
void take_every(const float* x, std::size_t step, std::size_t count, float* y);

/// sums += W_b · panel for block b of the matrix: `panel` holds the block's lines (kF32: floats; kI8: bytes, 0..255),
/// `sums` is outputs x panel_width (floats; 32-bit integers), both aligned to 64 bytes. The first block sets the sums
/// first: to `bias`, one float per output (null: 0); those of kI8 to 0. Work is done for the vectors that `positions`
/// reach.
void multiply(const Matrix& matrix, std::size_t block, const void* panel, const float* bias, std::size_t positions,
              void* sums);

/// Multiplies and adds in registers alone, `rounds` times, and returns how many operations that were (a multiply-add is
/// two): the core's peak, to compare with.
std::size_t multiply_adds(std::size_t rounds);

/// What a layer does besides multiplying.
struct Epilogue {
  const float* bias = nullptr;      ///< one per output
  const float* residual = nullptr;  ///< added, in the layout of y
  bool relu = false;                ///< negative numbers become 0, after the residual; a NaN stays
};

/// One column of sums as a layer's result.
struct Finish {
  Epilogue epilogue;              ///< the bias is added to sums that are integers; multiply() began with it otherwise
  const float* scales = nullptr;  ///< not null: the sums are integers, and an output's are multiplied by its scale
};

/// Writes `positions` columns of `sums` (which need not begin at the panel's first) as y[p·stride + o] (to_positions)
/// or y[o·stride + p] (to_outputs).
void unpack_to_positions(const void* sums, std::size_t outputs, std::size_t positions, const Finish& finish, float* y,
                         std::size_t stride);
void unpack_to_outputs(const void* sums, std::size_t outputs, std::size_t positions, const Finish& finish, float* y,
                       std::size_t stride);

}  // namespace sparseloom::backend::sparse::kernels
