"""Parts used while training only, and the starting points that make training from scratch short."""

from __future__ import annotations

import math

import torch
from torch import nn

from networks import SequenceNetwork


def dct_filters(count: int, size: int) -> torch.Tensor:
    """`count` first filters [count, 3, size, size] of the 2-D cosine basis, low frequencies first, on luma and two
    opponent colours by turns: blending leaves its traces in the high frequencies, which random filters reach late."""
    colours = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [-0.5, 1.0, -0.5]])
    colours = colours / colours.norm(dim=1, keepdim=True)
    position = (torch.arange(size) + 0.5) * math.pi / size
    waves = torch.stack([torch.cos(position * k) for k in range(size)])
    waves = waves / waves.norm(dim=1, keepdim=True)
    # chroma comes after twice the luma frequency: 4:2:0 leaves little there
    order = sorted((max(1, 2 * (c > 0)) * (u + v), c, u, v) for c in range(3) for u in range(size) for v in range(size))
    chosen = order[:count]
    return torch.stack([colours[c][:, None, None] * torch.outer(waves[u], waves[v]) for _, c, u, v in chosen])


class ResidualMaskHead(nn.Module):
    """The blend mask at stride 8 from a ResNeXt's second stage: [B, C, 16, 16] -> logits [B, 16, 16]."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, 32, 1), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)[:, 0]


class SequenceTrainee(nn.Module):
    """The sequence network's backbone with a picture logit, a mask head, and a linear map to the features of a teacher."""

    TEACHER_FEATURES = 768

    def __init__(self, network: SequenceNetwork):
        super().__init__()
        self.network = network
        stem, stages = network.shape["stem_width"], len(network.shape["layers"])
        self.mask_head = ResidualMaskHead(stem * 8)
        features = stem * 4 * 2 ** (stages - 1)
        self.picture_head = nn.Linear(features, 1)
        self.to_teacher = nn.Linear(features, self.TEACHER_FEATURES, bias=False)
        with torch.no_grad():
            network.feature_extractor[0].weight.copy_(dct_filters(stem, 7))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """[B, 3, S, S] -> logits of P(fake) [B], mask logits [B, 16, 16], pooled features [B, C]."""
        parts = self.network.feature_extractor
        stride8 = parts[:6](images)
        pooled = parts[6:](stride8).mean((2, 3))
        return self.picture_head(pooled)[:, 0], self.mask_head(stride8), pooled

    def changes(self, pooled: torch.Tensor) -> torch.Tensor:
        """[2 pairs, C], genuine first -> what their forgeries changed in the teacher's features [pairs, 768]."""
        genuine, forged = pooled.chunk(2)
        return self.to_teacher(forged - genuine)
