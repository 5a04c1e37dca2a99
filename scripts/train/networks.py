"""The two reference networks, with exactly the tensors and the forward pass that `src/inference` loads and runs.

Training-only parts (mask heads) live in `heads.py`, so that `state_dict()` here is what is shipped.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """ResNeXt block with torchvision's key names."""

    def __init__(self, inputs: int, width: int, outputs: int, groups: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + shortcut)


def resnext(shape: dict) -> nn.Sequential:
    """torchvision's children()[:-2]: conv1, bn1, relu, maxpool, then the stages, from key "4" on."""
    stem = shape["stem_width"]
    parts: list[nn.Module] = [nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = stem
    for stage, blocks in enumerate(shape["layers"]):
        width, outputs = shape["groups"] * shape["width_per_group"] * 2**stage, stem * 4 * 2**stage
        stride = 1 if stage == 0 else 2
        first = Bottleneck(inputs, width, outputs, shape["groups"], stride)
        rest = [Bottleneck(outputs, width, outputs, shape["groups"], 1) for _ in range(blocks - 1)]
        parts.append(nn.Sequential(first, *rest))
        inputs = outputs
    return nn.Sequential(*parts)


class PositionalEncoding(nn.Module):
    """Sinusoids of small amplitude, a buffer [1, max_frames, width]: order is known, yet longer clips than any trained on
    do not drown the features."""

    def __init__(self, width: int, max_frames: int, amplitude: float):
        super().__init__()
        position = torch.arange(max_frames)[:, None]
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        table = torch.zeros(1, max_frames, width)
        table[0, :, 0::2] = torch.sin(position * rate)
        table[0, :, 1::2] = torch.cos(position * rate)
        self.register_buffer("pe", amplitude * table)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.pe[:, : x.shape[1]]


class TemporalAttention(nn.Module):
    def __init__(self, width: int, heads: int, max_frames: int):
        super().__init__()
        self.positional_encoding = PositionalEncoding(width, max_frames, amplitude=0.1)
        self.multihead_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.positional_encoding(x)
        attended, _ = self.multihead_attn(x, x, x, need_weights=False)
        return self.norm(x + attended)


class SequenceNetwork(nn.Module):
    """ResNeXt per frame, BiLSTM and self-attention over the track. Outputs are logits in the order FAKE, REAL."""

    def __init__(self, shape: dict):
        super().__init__()
        self.shape = shape
        features, hidden = shape["stem_width"] * 4 * 2 ** (len(shape["layers"]) - 1), shape["lstm_hidden"]
        self.feature_extractor = resnext(shape)
        self.lstm = nn.LSTM(features, hidden, shape["lstm_layers"], batch_first=True, bidirectional=True)
        self.attention = TemporalAttention(2 * hidden, shape["attention_heads"], shape["max_frames"])
        self.fc1 = nn.Linear(2 * hidden, hidden)
        self.fc2 = nn.Linear(hidden, 2)
        self.activation = {"gelu": nn.GELU(), "relu": nn.ReLU()}[shape["activation"]]

    def frame_features(self, frames: torch.Tensor) -> torch.Tensor:
        """[N, 3, S, S] -> [N, features]."""
        return self.feature_extractor(frames).mean((2, 3))

    def over_time(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, T, features] -> track logits [B, 2], frame logits [B, T, 2]."""
        normed = self.attention(self.lstm(features)[0])
        return self.classify(normed.mean(1)), self.classify(normed)

    def classify(self, states: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.activation(self.fc1(states)))

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, T, 3, S, S] -> track logits [B, 2], frame logits [B, T, 2]."""
        features = self.frame_features(clips.flatten(0, 1))
        return self.over_time(features.view(*clips.shape[:2], -1))


class QuickGELU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    """OpenAI CLIP's pre-norm block."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.resblocks = nn.Sequential(*[ResidualAttentionBlock(width, heads) for _ in range(layers)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resblocks(x)


class VisualTower(nn.Module):
    """CLIP's image tower up to and including `ln_post`, without the projection."""

    def __init__(self, shape: dict):
        super().__init__()
        width, patches = shape["width"], (shape["image_px"] // shape["patch_px"]) ** 2
        self.conv1 = nn.Conv2d(3, width, shape["patch_px"], shape["patch_px"], bias=False)
        self.class_embedding = nn.Parameter(width**-0.5 * torch.randn(width))
        self.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(patches + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, shape["layers"], shape["heads"])
        self.ln_post = nn.LayerNorm(width)

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """[B, 3, S, S] -> patch tokens [B, patches, width]."""
        return self.conv1(images).flatten(2).transpose(1, 2)

    def tokens(self, embedded: torch.Tensor) -> torch.Tensor:
        """Patch tokens -> all normalised output tokens [B, 1 + patches, width], the class token first."""
        first = self.class_embedding.expand(len(embedded), 1, -1).to(embedded.dtype)
        x = torch.cat([first, embedded], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x)))


class D3Head(nn.Module):
    """D3's attention over the two views [B, 2, width] (shuffled first) -> logit [B]. The softmax runs over the query axis."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.fc = nn.Linear(2 * width, 1)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        scores = self.query(views) @ self.key(views).transpose(1, 2) / views.shape[-1] ** 0.5
        mixed = scores.softmax(dim=1) @ self.value(views)
        return self.fc(mixed.flatten(1)).squeeze(1)


class FrameNetwork(nn.Module):
    """CLIP tower on the picture and on the picture with its patches permuted, then the D3 head: logit of P(fake)."""

    def __init__(self, shape: dict):
        super().__init__()
        self.shape = shape
        self.visual = VisualTower(shape)
        self.attention_head = D3Head(shape["width"])
        patches = (shape["image_px"] // shape["patch_px"]) ** 2
        generator = torch.Generator().manual_seed(shape["permutation_seed"])
        self.permutation = torch.randperm(patches, generator=generator)

    def views(self, images: torch.Tensor) -> torch.Tensor:
        """[B, 3, S, S] -> class tokens [B, 2, width] in the order shuffled, original."""
        embedded = self.visual.embed(images)
        shuffled = self.visual.tokens(embedded[:, self.permutation])[:, 0]
        return torch.stack([shuffled, self.visual.tokens(embedded)[:, 0]], 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.attention_head(self.views(images))
