"""Other heads on the same tower, to compare with the linear one that is shipped (`ablate_frame.py`)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from dinov2 import Dinov2FrameNetwork
from networks import D3Head


class NormalisedHeadNetwork(Dinov2FrameNetwork):
    """GenD's: the features have unit length before the linear layer, so that no feature's size decides."""

    SCALE = 20.0  # a unit vector's logit would otherwise stay near zero for long

    def forward(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.tokens(images, kept)
        pooled = self.SCALE * F.normalize(self.pooled(tokens), dim=1)
        return self.head(pooled)[:, 0], self.where(tokens, kept)


class D3HeadNetwork(Dinov2FrameNetwork):
    """D3's: attention over the class tokens of the picture and of the picture with its patches permuted. Twice the cost."""

    def __init__(self, shape: dict):
        super().__init__(shape)
        self.head = D3Head(shape["width"])
        patches = (shape["image_px"] // shape["patch_px"]) ** 2
        self.permutation = torch.randperm(patches, generator=torch.Generator().manual_seed(418))

    def forward(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        original = self.tokens(images, kept)
        shuffled = self.tokens(self.shuffled(images), kept)
        return self.head(torch.stack([shuffled[:, 0], original[:, 0]], 1)), self.where(original, kept)

    def shuffled(self, images: torch.Tensor) -> torch.Tensor:
        """Patches change places; they are whole cells of the grid, so permuting them in the picture or as tokens is the same."""
        patch = self.shape["patch_px"]
        columns = F.unfold(images, patch, stride=patch)[..., self.permutation.to(images.device)]
        return F.fold(columns, images.shape[-2:], patch, stride=patch)


HEADS: dict[str, type[Dinov2FrameNetwork]] = {"linear": Dinov2FrameNetwork, "normalised": NormalisedHeadNetwork, "d3": D3HeadNetwork}


def network_of(config: dict, foundations: Path) -> nn.Module:
    """The network of a configuration on its foundation, heads as they start."""
    return HEADS[config["architecture"]["head"]].on_foundation(config["architecture"], foundations)
