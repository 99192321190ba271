#pragma once

#include <string>
#include <vector>

#include "sparseloom/backend/layer_model.h"

namespace sparseloom::bench::kernels {

/// A layer of a published network.
struct Layer {
  std::string network;
  std::string name;
  backend::LayerShape shape;
  int count;  ///< how often the network has this shape
};

/// Every shape of convolution and linear layer that ResNet-101 (224 x 224), BERT-Base (128 tokens), ViT-S/16 (224 x
/// 224) and wav2vec2-Base (2 s at 16 kHz) have, but for those that read the raw image or sound, whose few inputs nobody
/// prunes, and grouped ones.
std::vector<Layer> published_layers();

}  // namespace sparseloom::bench::kernels
