"""Task `sentiment`: a small BERT-style encoder on movie-review sentences."""

import collections

import numpy as np
import torch
from torch import nn

import sources
from fetch_reviews import PAD, SPECIAL, TOKENS, encode, read_reviews, split_reviews, words
from layers import EncoderBlock, narrow_embedding
from recipe import Pruning, Recipe
from training import Tuning

PIECES = 2600  # vocabulary size
WIDTH, EMBEDDING, HEADS, HIDDEN, BLOCKS = 64, 32, 8, 256, 6


class SmallBert(nn.Module):
    """Input token ids i32 [N,T]; logits [N,2]. The attention mask is computed
    from the ids and crosses every cut."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(PIECES, EMBEDDING)
        self.widen = nn.Linear(EMBEDDING, WIDTH)
        self.position = nn.Parameter(torch.randn(1, TOKENS, WIDTH) * 0.02)
        self.drop = nn.Dropout(0.25)
        self.blocks = nn.ModuleList(EncoderBlock(WIDTH, HEADS, HIDDEN, 0.2) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, ids):
        mask = (ids == PAD)[:, None, None, :].to(torch.float32) * -1e4
        x = self.drop(self.widen(self.embedding(ids)) + self.position[:, : ids.shape[1]])
        for block in self.blocks:
            x = block(x, mask)
        used = 1 + mask[:, 0, 0, :, None] * 1e-4
        pooled = (self.norm(x) * used).sum(1) / used.sum(1)
        return self.head(self.drop(pooled))

    def narrow_input(self, level):
        """The 32 columns hold less to spare than heads and FFN do: a third of `level`."""
        narrow_embedding(self.embedding, self.widen, level / 3)


def learn_vocabulary(sentences):
    """Word pieces by byte-pair merges over the words of `sentences`."""
    counts = collections.Counter(w for s in sentences for w in words(s))
    spelled = {w: [w[0]] + ["##" + c for c in w[1:]] for w in counts}
    known = sorted({p for pieces in spelled.values() for p in pieces})
    pairs, where = collections.Counter(), collections.defaultdict(set)

    def count_in(word, sign):
        for pair in zip(spelled[word], spelled[word][1:]):
            pairs[pair] += sign * counts[word]
            where[pair].add(word)

    for word in spelled:
        count_in(word, 1)
    while len(known) + len(SPECIAL) < PIECES:
        best = max(pairs, key=lambda p: (pairs[p], p))
        joined = best[0] + best[1].removeprefix("##")
        if joined not in known:
            known.append(joined)
        for word in sorted(where.pop(best)):
            count_in(word, -1)
            pieces, i = [], 0
            while i < len(spelled[word]):
                here = tuple(spelled[word][i : i + 2]) == best
                pieces.append(joined if here else spelled[word][i])
                i += 2 if here else 1
            spelled[word] = pieces
            count_in(word, 1)
        pairs.pop(best, None)
    return SPECIAL + known


class SentimentTask:
    name = "sentiment"
    description = "Whether a sentence from a movie review is positive or negative."
    base_model = "small BERT-style encoder, 6 blocks"
    classes = ["negative", "positive"]
    inputs = (("ids", "i32"),)
    accuracy_kind = "labels"
    seed, rate, decay, steps = 12, 1.5e-3, 0.05, 1400
    boundary = r"__module\.blocks\.\d+/"
    transformer = True
    recipe = Recipe(
        unstructured=Pruning(((60, 0.7), (75, 2.5), (85, 5.0)), quantized=75, recovery=Tuning()),
        structured=Pruning(((25, 0.7), (40, 2.2), (60, 4.6)), quantized=60, recovery=Tuning()),
    )

    def load(self, cache):
        """{split: (ids, labels)}; also learns `self.vocabulary` from train."""
        reviews = split_reviews(read_reviews(sources.reviews_sdist(cache)))
        self.vocabulary = learn_vocabulary([s for s, _ in reviews["train"]])
        return {split: encode(found, self.vocabulary) for split, found in reviews.items()}

    def augment(self, items, rng):
        """Random word pieces become unknown; columns that all pad are dropped,
        which the mask makes exact and much faster."""
        ids = np.stack(items)
        ids = ids[:, : max(1, int((ids != PAD).sum(1).max()))]
        hidden = (rng.random(ids.shape) < 0.1) & (ids != PAD)
        return np.where(hidden, np.int32(1), ids)

    def model(self):
        return SmallBert()

    def extra_files(self):
        """The vocabulary is committed; the sentences, as ids too, are not."""
        vocabulary = "".join(piece + "\n" for piece in self.vocabulary)
        return {"vocab.txt": vocabulary.encode(), "data/.gitignore": b"*.npy\n"}
