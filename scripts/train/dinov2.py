"""The frame network of family `dinov2-vit`, with exactly the tensors and the forward pass that `src/inference` runs.

DINOv2's tower (tensors named as in Hugging Face's Dinov2Model), a linear head on the normalised class token beside the mean of
the normalised patch tokens, and a linear mask head on every patch token. What is shipped is the difference: whole values of
the tensors that training moved.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from foundation import read_foundation
from settings import FOUNDATIONS_DIR

POSITION_GRID = 37  # patches a side of the pre-trained table: 518 px
NORM_EPSILON = 1e-6
MOVED = ("norms", "all")


class Embeddings(nn.Module):
    def __init__(self, shape: dict):
        super().__init__()
        width, patch = shape["width"], shape["patch_px"]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + POSITION_GRID**2, width))
        self.patch_embeddings = nn.Module()
        self.patch_embeddings.projection = nn.Conv2d(3, width, patch, patch)
        self.side = shape["image_px"] // patch

    def positions(self) -> torch.Tensor:
        """The table [1, 1 + side * side, width], its grid resized bicubically without antialiasing."""
        grid = self.position_embeddings[:, 1:].unflatten(1, (POSITION_GRID, POSITION_GRID)).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(self.side, self.side), mode="bicubic", align_corners=False)
        return torch.cat([self.position_embeddings[:, :1], grid.flatten(2).transpose(1, 2)], 1)

    def forward(self, images: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        positions = self.positions()
        patches = self.patch_embeddings.projection(images).flatten(2).transpose(1, 2) + positions[:, 1:]
        if kept is not None:
            patches = patches.gather(1, kept[..., None].expand(-1, -1, patches.shape[-1]))
        first = (self.cls_token + positions[:, :1]).expand(len(images), 1, -1).to(patches.dtype)
        return torch.cat([first, patches], 1)


class SelfAttention(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention = SelfAttention(width)
        self.output = nn.Module()
        self.output.dense = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = (layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.attention.query, self.attention.key, self.attention.value))
        return self.output.dense(F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.lambda1


class Layer(nn.Module):
    """DINOv2's block: normalise, attend, scale, add; normalise, MLP, scale, add."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, NORM_EPSILON) for _ in range(2))
        self.attention, self.mlp = Attention(width, heads), Mlp(width)
        self.layer_scale1, self.layer_scale2 = LayerScale(width), LayerScale(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.layer_scale1(self.attention(self.norm1(x)))
        return x + self.layer_scale2(self.mlp(self.norm2(x)))


class Dinov2FrameNetwork(nn.Module):
    """Normalised pictures [B, 3, S, S] -> logit of P(fake) [B] and mask logits [B, side, side]."""

    def __init__(self, shape: dict):
        super().__init__()
        self.shape = shape
        width = shape["width"]
        self.embeddings = Embeddings(shape)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Layer(width, shape["heads"]) for _ in range(shape["layers"]))
        self.layernorm = nn.LayerNorm(width, NORM_EPSILON)
        self.head, self.mask_head = nn.Linear(2 * width, 1), nn.Linear(width, 1)

    @classmethod
    def on_foundation(cls, shape: dict, folder: Path = FOUNDATIONS_DIR) -> "Dinov2FrameNetwork":
        """The pre-trained tower under heads that answer zero."""
        network = cls(shape)
        missing, unexpected = network.load_state_dict(read_foundation(folder), strict=False)
        if unexpected or [name for name in missing if not name.startswith(("head.", "mask_head."))]:
            raise ValueError(f"the foundation does not fit: missing {missing}, unexpected {unexpected}")
        for head in (network.head, network.mask_head):
            if isinstance(head, nn.Linear):
                nn.init.zeros_(head.weight)
                nn.init.zeros_(head.bias)
        return network

    def tokens(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Normalised output tokens [B, 1 + patches, width], the class token first. `kept` [B, K] numbers the patches that are
        looked at (training only: half of the patches cost half of the time)."""
        x = self.embeddings(images, kept)
        for layer in self.encoder.layer:
            x = layer(x)
        return self.layernorm(x)

    def pooled(self, tokens: torch.Tensor) -> torch.Tensor:
        """The head's input [B, 2 width]."""
        return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)

    def forward(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [B] and mask logits [B, patches] in rows (or [B, K], of the kept patches)."""
        tokens = self.tokens(images, kept)
        return self.head(self.pooled(tokens))[:, 0], self.mask_head(tokens[:, 1:])[..., 0]

    def move(self, what: str) -> list[str]:
        """Let only these tensors learn and name them: `norms` (LayerNorms, biases, LayerScales, heads) or `all` (the matrices
        too; never the class token and the positions)."""
        if what not in MOVED:
            raise ValueError(f"{what!r} is none of {MOVED}")
        names = []
        for name, parameter in self.named_parameters():
            small = parameter.ndim == 1 or name.startswith(("head.", "mask_head."))
            parameter.requires_grad_((small or what == "all") and not name.endswith(("cls_token", "position_embeddings")))
            if parameter.requires_grad:
                names.append(name)
        return names
