"""The seed-scale zoo's four published architectures: how to make each, where it may be
cut, and what lies inside its residual blocks."""

import dataclasses

import timm
import torch
import torchvision
import transformers
from timm.models import vision_transformer
from torch import nn
from transformers.models.bert import modeling_bert
from transformers.models.wav2vec2 import modeling_wav2vec2

import seed_inputs
from layers import Inner
from recipe import Pruning, Recipe

PLAIN = {"attn_implementation": "eager"}  # attention as operators that every converter knows


class SeedModel(nn.Module):
    """Logits of a published model, whose inputs come in the order of `names`."""

    def __init__(self, model, head, names=None):
        super().__init__()
        self.model, self._names = model, names
        self.head_name = head

    @property
    def head(self):
        return self.model.get_submodule(self.head_name)

    @property
    def kept_dense(self):
        return (self.head,)  # ten outputs: nothing to win, all to lose

    def forward(self, *inputs):
        if self._names is None:
            return self.model(*inputs)
        return self.model(**dict(zip(self._names, inputs))).logits

    def inners(self):
        """[(what may be narrowed, what to tell how many units are left)]."""
        return [found for module in self.modules() for found in _inners(module)]

    def branch_ends(self):
        """The layers whose weights scale a residual branch."""
        norms = [m.bn3 for m in self.modules() if isinstance(m, torchvision.models.resnet.Bottleneck)]
        return norms + [inner.reader for inner, _ in self.inners() if isinstance(inner.reader, nn.Linear)]


def _nothing(units):
    """No module counts these units."""


def _inners(module):
    """What `_narrow` finds in one module, by its type."""
    if isinstance(module, torchvision.models.resnet.Bottleneck):
        return [
            (Inner((module.conv1, module.bn1), module.conv2), _nothing),
            (Inner((module.conv2, module.bn2), module.conv3), _nothing),
        ]
    if isinstance(module, vision_transformer.Block):
        attention, ffn = module.attn, module.mlp

        def heads(left):
            attention.num_heads, attention.attn_dim = left, left * attention.head_dim

        inner = Inner((attention.qkv,), attention.proj, attention.head_dim, fused=3)
        return [(inner, heads), (Inner((ffn.fc1,), ffn.fc2), _nothing)]
    if isinstance(module, modeling_bert.BertLayer):
        own, out = module.attention.self, module.attention.output.dense
        inner = Inner((own.query, own.key, own.value), out, own.attention_head_size)
        return [(inner, _nothing), (Inner((module.intermediate.dense,), module.output.dense), _nothing)]
    if isinstance(module, modeling_wav2vec2.Wav2Vec2EncoderLayer):
        own, ffn = module.attention, module.feed_forward
        inner = Inner((own.q_proj, own.k_proj, own.v_proj), own.out_proj, own.head_dim)
        return [(inner, _nothing), (Inner((ffn.intermediate_dense,), ffn.output_dense), _nothing)]
    if isinstance(module, modeling_wav2vec2.Wav2Vec2FeatureEncoder):
        layers, found = list(module.conv_layers), []
        for layer, following in zip(layers, layers[1:]):
            norm = getattr(layer, "layer_norm", None)
            found.append((Inner((layer.conv, norm) if norm else (layer.conv,), following.conv), _nothing))
        return found
    return []


@dataclasses.dataclass
class SeedTask:
    """What all four share; `quick` makes a model of the same kind that is built in seconds."""

    quick: bool = False
    classes_given: int | None = None  # by the user's weights
    accuracy_kind = "fidelity"
    transformer = True
    recipe = Recipe(
        unstructured=Pruning(((60,), (75,), (90,)), quantized=75),
        structured=Pruning(((20,), (40,), (60,)), quantized=60),
    )

    @property
    def classes(self):
        return [str(label) for label in range(self.classes_given or seed_inputs.CLASSES)]

    def unparametrized(self, model):
        """Called once the weights are in: `model` with plain weights."""


class SeedEncoder(SeedTask):
    """What the two models of transformers' share."""

    def config(self, kind, **quick_only):
        quick = dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=8, intermediate_size=256, **quick_only)
        return kind(num_labels=len(self.classes), **PLAIN, **(quick if self.quick else {}))

    def classifier(self, model):
        return SeedModel(model, "classifier", [name for name, _ in self.inputs])


class ResNet101(SeedTask):
    name = "resnet101"
    description = "ResNet-101 on 224x224 images."
    base_model = "ResNet-101 (torchvision resnet101)"
    inputs = (("image", "f32"),)
    boundary = r"__module\.model\.layer\d\.\d+\.relu/"
    transformer = False
    seed = 101

    def model(self):
        bottleneck = torchvision.models.resnet.Bottleneck
        blocks = [1, 1, 2, 1] if self.quick else [3, 4, 23, 3]
        return SeedModel(torchvision.models.ResNet(bottleneck, blocks, num_classes=len(self.classes)), "fc")

    def samples(self, blend, rng, pattern_rng):
        return seed_inputs.images(blend, 64 if self.quick else 224, rng, pattern_rng)


class BertBase(SeedEncoder):
    name = "bert-base"
    description = "BERT-Base on texts of up to 128 tokens."
    base_model = "BERT-Base (transformers BertForSequenceClassification)"
    inputs = (("input_ids", "i64"), ("attention_mask", "i64"))
    boundary = r"__module\.model\.bert\.encoder\.layer\.\d+\.output\.LayerNorm/"
    seed = 102

    def model(self):
        config = self.config(transformers.BertConfig)
        return self.classifier(transformers.BertForSequenceClassification(config))

    def samples(self, blend, rng, pattern_rng):
        return seed_inputs.texts(blend, 128, transformers.BertConfig().vocab_size, rng, pattern_rng)


class VitSmall(SeedTask):
    name = "vit-small"
    description = "ViT-Small/16 on 224x224 images."
    base_model = "ViT-Small/16 (timm vit_small_patch16_224)"
    inputs = (("image", "f32"),)
    boundary = r"__module\.model\.blocks\.\d+/"
    seed = 103

    def model(self):
        small = dict(img_size=64, embed_dim=64, depth=3, num_heads=8) if self.quick else {}
        model = timm.create_model("vit_small_patch16_224", exportable=True, num_classes=len(self.classes), **small)
        return SeedModel(model, "head")

    def samples(self, blend, rng, pattern_rng):
        return seed_inputs.images(blend, 64 if self.quick else 224, rng, pattern_rng)


class Wav2Vec2Base(SeedEncoder):
    name = "wav2vec2-base"
    description = "wav2vec2-Base on one second of sound at 16 kHz."
    base_model = "wav2vec2-Base (transformers Wav2Vec2ForSequenceClassification)"
    inputs = (("input_values", "f32"),)
    boundary = r"__module\.model\.wav2vec2\.(?:feature_projection\.projection|encoder\.layers\.\d+\.final_layer_norm)/"
    seed = 104

    def model(self):
        config = self.config(transformers.Wav2Vec2Config, conv_dim=[64] * 7)
        return self.classifier(transformers.Wav2Vec2ForSequenceClassification(config))

    def unparametrized(self, model):
        convolution = model.model.wav2vec2.encoder.pos_conv_embed.conv
        nn.utils.parametrize.remove_parametrizations(convolution, "weight")

    def samples(self, blend, rng, pattern_rng):
        return seed_inputs.sounds(blend, 16000, 16000, rng, pattern_rng)


TASKS = {task.name: task for task in (ResNet101, BertBase, VitSmall, Wav2Vec2Base)}
