#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sparseloom/backend/sparse/matrix.h"

// The loops that take the time, compiled for several instruction sets; the best one that the CPU has is used.
namespace sparseloom::backend::sparse::kernels {

/// Positions per panel on this CPU: four vectors.
std::size_t panel_width();

/// "AVX2", "AVX3", "NEON": the instruction set in use.
std::string instruction_set();
/// All that this CPU could run, best first, and how to make only one of them be used (empty: the best again). For
/// tests; not thread-safe, and matrices must be compressed anew where the panel width differs.
std::vector<std::string> instruction_sets();
void use_instruction_set(const std::string& name);

/// Fills `panel`, inputs x panel_width(), with `positions` columns (at most the width; the rest of the last vector they
/// reach is zeroed, what lies behind it left alone).
/// from_positions: x[p·stride + i], input i of position p (tokens, each with its features).
/// from_inputs:    x[i·stride + p] (channels, each with its pixels).
void pack_from_positions(const float* x, std::size_t stride, std::size_t inputs, std::size_t positions, float* panel);
void pack_from_inputs(const float* x, std::size_t stride, std::size_t inputs, std::size_t positions, float* panel);
/// from_offsets:   x[offsets[i] + p]; whole vectors are read, so up to 15 numbers behind the last position as well.
void pack_from_offsets(const float* x, const std::uint32_t* offsets, std::size_t inputs, std::size_t positions,
                       float* panel);

/// y[k] = x[k·step], `count` of them.
void take_every(const float* x, std::size_t step, std::size_t count, float* y);

/// sums += W_b · panel for block b of the matrix: `panel` holds the block's inputs, `sums` is outputs x panel_width(),
/// both aligned to 64 bytes. The first block sets the sums to `bias` (one per output; null: 0) first. Work is done for
/// the vectors that `positions` reach.
void multiply(const Matrix& matrix, std::size_t block, const float* panel, const float* bias, std::size_t positions,
              float* sums);

/// Multiplies and adds in registers alone, `rounds` times, and returns how many operations that were (a multiply-add is
/// two): the core's peak, to compare with.
std::size_t multiply_adds(std::size_t rounds);

/// What a layer does besides multiplying.
struct Epilogue {
  const float* bias = nullptr;      ///< one per output (multiply() begins with it)
  const float* residual = nullptr;  ///< added, in the layout of y
  bool relu = false;                ///< negative numbers become 0, after the residual; a NaN stays
};

/// Writes `positions` columns of `sums` (which need not begin at the panel's first) as y[p·stride + o] (to_positions)
/// or y[o·stride + p] (to_outputs).
void unpack_to_positions(const float* sums, std::size_t outputs, std::size_t positions, const Epilogue& epilogue,
                         float* y, std::size_t stride);
void unpack_to_outputs(const float* sums, std::size_t outputs, std::size_t positions, const Epilogue& epilogue,
                       float* y, std::size_t stride);

}  // namespace sparseloom::backend::sparse::kernels
