"""Parts used while training only, and the starting points that make training from scratch short."""

from __future__ import annotations

import math

import torch
from torch import nn

from networks import SequenceNetwork, VisualTower


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


@torch.no_grad()
def whiten(filters: nn.Conv2d, images: torch.Tensor, most: float = 40.0) -> None:
    """Scale every filter to unit response over normalised images [N, 3, S, S]. Faces have a hundred times more energy in
    the low frequencies; without this the first LayerNorm all but hides the high ones, where blending shows."""
    spread = filters(images).std((0, 2, 3), correction=0).clamp_min(1 / most)
    filters.weight.div_(spread[:, None, None, None])


class ResidualMaskHead(nn.Module):
    """The blend mask at stride 8 from a ResNeXt's second stage: [B, C, 16, 16] -> logits [B, 16, 16]."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, 32, 1), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)[:, 0]


class SequenceTrainee(nn.Module):
    """The sequence network's backbone with a picture logit and a mask head."""

    distillation = None

    def __init__(self, network: SequenceNetwork):
        super().__init__()
        self.network = network
        stem, stages = network.shape["stem_width"], len(network.shape["layers"])
        self.mask_head = ResidualMaskHead(stem * 8)
        self.picture_head = nn.Linear(stem * 4 * 2 ** (stages - 1), 1)
        with torch.no_grad():
            network.feature_extractor[0].weight.copy_(dct_filters(stem, 7))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, 3, S, S] -> logits of P(fake) [B], mask logits [B, 16, 16]."""
        parts = self.network.feature_extractor
        stride8 = parts[:6](images)
        pooled = parts[6:](stride8).mean((2, 3))
        return self.picture_head(pooled)[:, 0], self.mask_head(stride8)


class FrameTrainee(nn.Module):
    """The tower with a class-token logit and a mask logit per patch token; with a `distillation`, also what that needs."""

    def __init__(self, visual: VisualTower, shape: dict, distillation: nn.Module | None = None):
        super().__init__()
        self.visual, self.distillation = visual, distillation
        self.side = shape["image_px"] // shape["patch_px"]
        self.picture_head = nn.Linear(shape["width"], 1)
        self.mask_head = nn.Linear(shape["width"], 1)
        with torch.no_grad():
            visual.conv1.weight.copy_(dct_filters(shape["width"], shape["patch_px"]))
            visual.positional_embedding.copy_(grid_positions(self.side, shape["width"]))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """[B, 3, S, S] -> logits of P(fake) [B], mask logits [B, side, side], output tokens."""
        tokens = self.visual.tokens(self.visual.embed(images))
        masks = self.mask_head(tokens[:, 1:])[..., 0].unflatten(1, (self.side, self.side))
        return self.picture_head(tokens[:, 0])[:, 0], masks, tokens

    def extra_loss(self, pictures: torch.Tensor, outputs: tuple) -> torch.Tensor:
        """What the teacher adds to the loss: pictures u8 [B, 3, S, S] and this trainee's outputs for them."""
        return self.distillation(pictures, outputs[2], outputs[0])


def grid_positions(side: int, width: int) -> torch.Tensor:
    """Two-dimensional sinusoids [1 + side*side, width] as a start for the learned positions; zeros for the class token."""
    rate = torch.exp(torch.arange(width // 4) * (-math.log(100.0) / (width // 4)))
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    parts = [function(axis.reshape(-1, 1) * rate) for axis in (rows, columns) for function in (torch.sin, torch.cos)]
    return 0.3 * torch.cat([torch.zeros(1, width), torch.cat(parts, 1)])
