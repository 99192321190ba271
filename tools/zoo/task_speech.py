"""Task `speech`: convolutions and a transformer on synthesised spoken commands."""

import io
import re
import subprocess
import wave

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import nn

import sources
from layers import ConvBlock, EncoderBlock
from recipe import Pruning, Recipe
from training import Distillation, Tuning

RATE, SAMPLES = 8000, 4800  # Hz; 0.6 s
WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
ACCENTS = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029"]
WIDTH, HEADS, HIDDEN = 64, 8, 256
CONV_BLOCKS, ENCODER_BLOCKS = 3, 5
SHARES = {"validation": 0.15, "profile": 0.15, "test": 0.15}  # of the voices
WINDOWS = {"validation": 1000, "profile": 1000, "test": 1000}
TRAIN_PER_WORD = 6  # utterances of each word by each train voice


class SpeechTransformer(nn.Module):
    """Input i8 [N,4800], a waveform scaled to its peak; logits [N,10]."""

    def __init__(self):
        super().__init__()
        self.wave1 = nn.Conv1d(1, 32, 16, stride=5, padding=6)
        self.norm1 = nn.BatchNorm1d(32)
        self.wave2 = nn.Conv1d(32, WIDTH, 8, stride=4, padding=2)
        self.norm2 = nn.BatchNorm1d(WIDTH)
        self.blocks = nn.ModuleList(ConvBlock(WIDTH, 3, 1) for _ in range(CONV_BLOCKS))
        self.down = nn.Conv1d(WIDTH, WIDTH, 4, stride=2, padding=1)
        self.position = nn.Parameter(torch.randn(1, SAMPLES // 40, WIDTH) * 0.02)
        self.late = nn.ModuleList(EncoderBlock(WIDTH, HEADS, HIDDEN, 0.1) for _ in range(ENCODER_BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(WORDS))

    def forward(self, waveform):
        x = waveform.to(torch.float32)[:, None, :] * (1 / 32)
        x = torch.relu(self.norm1(self.wave1(x)))
        x = torch.relu(self.norm2(self.wave2(x)))
        for block in self.blocks:
            x = block(x)
        x = self.down(x).transpose(1, 2) + self.position
        for block in self.late:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


def voice_variants():
    """Names of espeak-ng's voice variants, sorted; robots and whispers left out."""
    text = subprocess.run([sources.espeak(), "--voices=variant"], capture_output=True, text=True, check=True).stdout
    names = sorted(set(re.findall(r"!v/(\S+)", text)))
    return [n for n in names if not re.search("(?i)robo|whisper|demonic|storm|fast", n)]


def speak(word, voice, accent, speed, pitch):
    """f32 waveform at RATE, silence trimmed, peak 1."""
    command = [sources.espeak(), "-v", f"{accent}+{voice}", "-s", str(speed), "-p", str(pitch), "--stdout", word]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(raw)) as file:
        rate = file.getframerate()
    samples = np.frombuffer(raw[44:], dtype="<i2").astype(np.float32)  # its header states no length
    sound = resample_poly(samples, RATE, rate)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[loud[0] : loud[-1] + 1]
    return (sound / np.abs(sound).max()).astype(np.float32)


def _noise(rng):
    """White to brown noise of SAMPLES values, standard deviation 1."""
    spectrum = np.fft.rfft(rng.standard_normal(SAMPLES))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** rng.uniform(0, 0.9)
    noise = np.fft.irfft(spectrum, SAMPLES)
    return noise / noise.std()


def record(sounds, rng):
    """i8 [n, SAMPLES]: each sound at a random place, under noise, peak-normalised."""
    out = np.empty((len(sounds), SAMPLES), dtype=np.int8)
    for row, sound in enumerate(sounds):
        room = SAMPLES - len(sound)
        placed = np.zeros(SAMPLES)
        if room >= 0:
            start = rng.integers(0, room + 1)
            placed[start : start + len(sound)] = sound
        else:
            start = rng.integers(0, -room + 1)
            placed[:] = sound[start : start + SAMPLES]
        ratio = 10 ** (rng.uniform(-3, 15) / 20)
        placed = placed / max(placed.std(), 1e-6) * ratio + _noise(rng)
        out[row] = np.rint(placed / np.abs(placed).max() * 127)
    return out


class SpeechTask:
    name = "speech"
    description = "Which of ten commands was spoken, from 0.6 s of noisy synthetic speech (espeak-ng)."
    base_model = "convolutional feature extractor and transformer, 8 blocks"
    classes = WORDS
    inputs = (("waveform", "i8"),)
    accuracy_kind = "labels"
    seed, rate, decay, steps = 14, 1.5e-3, 0.02, 700
    boundary = r"__module\.(?:blocks|late)\.\d+/"
    transformer = True
    recipe = Recipe(
        unstructured=Pruning(((60, 60), (75, 120), (80, 400)), quantized=75, recovery=Distillation(rate=1e-3)),
        structured=Pruning(
            ((25, 0.7), (40, 2.2), (60, 5.0)), quantized=60, recovery=Tuning(rate=1e-4, every=3, most_steps=60)
        ),
    )

    def _sounds(self, voices, count, rng):
        """`count` utterances over all words and `voices`, as even as possible."""
        sounds, labels = [], []
        for i in range(count):
            label = i % len(WORDS)
            voice = voices[i // len(WORDS) % len(voices)]
            accent = ACCENTS[rng.integers(len(ACCENTS))]
            speed, pitch = int(rng.integers(150, 270)), int(rng.integers(15, 90))
            sounds.append(speak(WORDS[label], voice, accent, speed, pitch))
            labels.append(label)
        return sounds, np.array(labels, dtype=np.int32)

    def load(self, cache):
        """{split: (inputs, labels)}: split by voice. Train items are clean sounds
        (placed and made noisy anew at every use)."""
        rng = np.random.default_rng(self.seed)
        voices = [str(v) for v in rng.permutation(voice_variants())]
        splits, start = {}, 0
        for split, share in SHARES.items():
            members = voices[start : start + round(share * len(voices))]
            start += len(members)
            sounds, labels = self._sounds(members, WINDOWS[split], rng)
            splits[split] = (record(sounds, rng), labels)
        members = voices[start:]
        splits["train"] = self._sounds(members, len(members) * len(WORDS) * TRAIN_PER_WORD, rng)
        return splits

    def augment(self, items, rng):
        return record(items, rng)

    def model(self):
        return SpeechTransformer()

    def extra_files(self):
        return {}
