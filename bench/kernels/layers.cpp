#include "bench/kernels/layers.h"

#include <fmt/format.h>

namespace sparseloom::bench::kernels {
namespace {

using backend::LayerShape;
using backend::sparse::ConvolutionShape;
using backend::sparse::LinearShape;

Layer linear(const std::string& network, std::size_t inputs, std::size_t outputs, std::size_t positions, int count) {
  return {network, fmt::format("linear {}->{}, {}", inputs, outputs, positions),
          LayerShape{LinearShape{inputs, positions}, outputs}, count};
}

// A square image and kernel, padded so that stride alone changes its size.
Layer convolution(std::size_t inputs, std::size_t outputs, std::size_t kernel, std::size_t size, std::size_t stride,
                  int count) {
  const std::size_t pad = kernel / 2;
  const ConvolutionShape shape{inputs, size, size, kernel, kernel, stride, 1, pad, pad, pad, pad};
  return {"ResNet-101",
          fmt::format("conv {0}x{0} {1}->{2}, {3}x{3}{4}", kernel, inputs, outputs, size, stride == 2 ? " /2" : ""),
          LayerShape{shape, outputs}, count};
}

// A convolution over time, without padding.
Layer convolution_1d(std::size_t kernel, std::size_t length) {
  const ConvolutionShape shape{512, 1, length, 1, kernel, 2, 1, 0, 0, 0, 0};
  return {"wav2vec2-Base", fmt::format("conv {} 512->512, {} /2", kernel, length), LayerShape{shape, 512}, 1};
}

void add_resnet_101(std::vector<Layer>& layers) {
  constexpr int kBlocks[] = {3, 4, 23, 3};
  std::size_t before = 64, size = 56;
  for (std::size_t stage = 0; stage < 4; ++stage) {
    const std::size_t inner = std::size_t{64} << stage, outer = 4 * inner;
    const int rest = kBlocks[stage] - 1;
    const std::size_t stride = stage == 0 ? 1 : 2;
    layers.push_back(convolution(before, inner, 1, size, 1, 1));
    layers.push_back(convolution(inner, inner, 3, size, stride, stage == 0 ? rest + 1 : 1));
    if (stage > 0) layers.push_back(convolution(before, outer, 1, size, 2, 1));
    size /= stride;
    layers.push_back(convolution(outer, inner, 1, size, 1, rest));
    if (stage > 0) layers.push_back(convolution(inner, inner, 3, size, 1, rest));
    layers.push_back(convolution(inner, outer, 1, size, 1, rest + (stage == 0 ? 2 : 1)));
    before = outer;
  }
  layers.push_back(linear("ResNet-101", 2048, 1000, 1, 1));
}

}  // namespace

std::vector<Layer> published_layers() {
  std::vector<Layer> layers;
  add_resnet_101(layers);
  layers.push_back(linear("BERT-Base", 768, 768, 128, 48));
  layers.push_back(linear("BERT-Base", 768, 3072, 128, 12));
  layers.push_back(linear("BERT-Base", 3072, 768, 128, 12));
  layers.push_back(linear("ViT-S/16", 384, 1152, 197, 12));
  layers.push_back(linear("ViT-S/16", 384, 384, 197, 12));
  layers.push_back(linear("ViT-S/16", 384, 1536, 197, 12));
  layers.push_back(linear("ViT-S/16", 1536, 384, 197, 12));
  for (std::size_t length = 6399; length >= 799; length = (length - 1) / 2) layers.push_back(convolution_1d(3, length));
  layers.push_back(convolution_1d(2, 399));
  layers.push_back(convolution_1d(2, 199));
  layers.push_back(linear("wav2vec2-Base", 512, 768, 99, 1));
  layers.push_back(linear("wav2vec2-Base", 768, 768, 99, 48));
  layers.push_back(linear("wav2vec2-Base", 768, 3072, 99, 12));
  layers.push_back(linear("wav2vec2-Base", 3072, 768, 99, 12));
  return layers;
}

}  // namespace sparseloom::bench::kernels
