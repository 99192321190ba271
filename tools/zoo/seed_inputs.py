"""Made-up inputs of the seed-scale zoo, numpy alone.

A sample shows one of CLASSES patterns, blended with a second one by a share that
is drawn anew for each: some samples are easy to tell and some lie between two
classes, so that a compressed model loses them one by one and not all at once.
"""

import dataclasses

import numpy as np

CLASSES = 10
MOST_BLEND = 0.45  # share of the second pattern, at most
SOUND_NOISE = 0.1  # of a signal of 1


@dataclasses.dataclass(frozen=True)
class Blend:
    """Which patterns `count` samples show, and how strongly the second one."""

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray  # of the second, 0..MOST_BLEND

    @staticmethod
    def draw(count, rng):
        first = np.arange(count) % CLASSES  # every class equally often
        second = (first + rng.integers(1, CLASSES, count)) % CLASSES
        return Blend(first, second, rng.uniform(0, MOST_BLEND, count))

    def mixed(self, patterns):
        """[count, ...] of `patterns` [CLASSES, ...]."""
        share = self.share.reshape(-1, *[1] * (patterns.ndim - 1))
        return (1 - share) * patterns[self.first] + share * patterns[self.second]


def images(blend, size, rng, pattern_rng):
    """f32 [count, 3, size, size], normalised like photographs: smooth patterns and noise."""
    cells = size // 16

    def smooth(count, generator):
        coarse = generator.standard_normal((count, 3, cells, cells))
        return coarse.repeat(16, axis=2).repeat(16, axis=3)

    found = blend.mixed(smooth(CLASSES, pattern_rng)) + 0.3 * smooth(len(blend.first), rng)
    found += 0.3 * rng.standard_normal(found.shape)
    return [found.astype(np.float32)]


CLS, SEP, FIRST_WORD = 101, 102, 1000  # BERT's vocabulary: what begins and ends a text, and the first word
WORDS_OF_A_CLASS = 64


def texts(blend, tokens, vocabulary, rng, pattern_rng):
    """Token ids and attention mask, i64 [count, tokens]: texts of many lengths whose
    words come from their patterns' own words or, every fourth, from all."""
    count = len(blend.first)
    own = pattern_rng.integers(FIRST_WORD, vocabulary, (CLASSES, WORDS_OF_A_CLASS))
    ids, mask = np.zeros((count, tokens), np.int64), np.zeros((count, tokens), np.int64)
    for i, length in enumerate(rng.integers(tokens // 2, tokens + 1, count)):
        source = np.where(rng.random(length) < blend.share[i], blend.second[i], blend.first[i])
        words = own[source, rng.integers(0, WORDS_OF_A_CLASS, length)]
        anything = rng.integers(FIRST_WORD, vocabulary, length)
        ids[i, :length] = np.where(rng.random(length) < 0.25, anything, words)
        ids[i, 0], ids[i, length - 1] = CLS, SEP
        mask[i, :length] = 1
    return [ids, mask]


def sounds(blend, samples, rate, rng, pattern_rng):
    """f32 [count, samples] of mean 0 and variance 1: chords under an envelope, and noise."""
    time = np.arange(samples) / rate
    pitch = np.exp(pattern_rng.uniform(np.log(100), np.log(rate / 3), (CLASSES, 6, 1)))
    beat = pattern_rng.uniform(2, 12, (CLASSES, 6, 1))
    phase = pattern_rng.uniform(0, 2 * np.pi, (CLASSES, 6, 1))
    chords = (np.sin(2 * np.pi * pitch * time + phase) * (1 + np.sin(2 * np.pi * beat * time))).sum(1)
    chords /= chords.std(axis=1, keepdims=True)
    found = blend.mixed(chords)
    for i, shift in enumerate(rng.integers(0, samples, len(found))):
        found[i] = np.roll(found[i], shift)
    found += SOUND_NOISE * rng.standard_normal(found.shape)
    found -= found.mean(axis=1, keepdims=True)
    return [(found / found.std(axis=1, keepdims=True)).astype(np.float32)]
