"""The frame network of family `dinov2-vit`, with exactly the tensors and the forward pass that `src/inference` runs.

DINOv2's tower (tensors named as in Hugging Face's Dinov2Model), a linear head on the normalised class token beside the mean of
the normalised patch tokens, and a linear mask head on every patch token. With a `field` in its [architecture] it looks at a
rectangle of patches alone, where faces are after alignment; the others never become tokens. What is shipped is the difference: whole values of
the tensors that training moved, and for matrices that moved in a few directions only (`LowRankLinear`) the two factors of what
is added to them.
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
MOVED = ("norms", "low_rank", "all")
FACTORS = (".low_rank.down", ".low_rank.up")
NOT_LOOKED_AT = -16.0  # mask logit of a patch outside the field


def field_patches(shape: dict) -> torch.Tensor:
    """Numbers of the patches that are looked at: all, or those of `field`, its first row and column, rows and columns."""
    side = shape["image_px"] // shape["patch_px"]
    top, left, rows, columns = shape.get("field", (0, 0, side, side))
    if min(top, left) < 0 or min(rows, columns) < 1 or max(top + rows, left + columns) > side:
        raise ValueError(f"field {shape['field']} does not lie in a grid of {side} patches a side")
    return torch.arange(side * side).view(side, side)[top : top + rows, left : left + columns].flatten()


class MovedLinear(torch.autograd.Function):
    """x [..., inputs] through the moved matrix, with the factors' gradients taken from thin products alone. Left to autograd, the
    factors beside the matrix make a training step 1.6 times as slow."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, moved: torch.Tensor, bias: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, moved, up, down)
        return F.linear(x, moved, bias)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, moved, up, down = ctx.saved_tensors
        rows, inputs = gradient.flatten(0, -2), x.flatten(0, -2)
        up_gradient = rows.T @ (inputs @ down.to(x.dtype).T)
        down_gradient = (rows @ up.to(x.dtype)).T @ inputs
        return (rows @ moved).view_as(x), None, rows.sum(0), up_gradient.to(up.dtype), down_gradient.to(down.dtype)


class LowRankLinear(nn.Linear):
    """A linear layer whose matrix may be moved in a few directions: weight + up x down (LoRA, Hu et al. 2021, section 4.1, with
    a scale of 1), with the factors [outputs, R] and [R, inputs]. Without factors it is a linear layer."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        self.low_rank: nn.ParameterDict | None = None

    def add_factors(self, rank: int) -> None:
        """Factors whose product is zero."""
        down = torch.randn(rank, self.in_features) / self.in_features**0.5
        self.low_rank = nn.ParameterDict({"down": down, "up": torch.zeros(self.out_features, rank)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.low_rank is None:
            return super().forward(x)
        kind = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        up, down = self.low_rank["up"], self.low_rank["down"]
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            moved = (self.weight + up @ down).to(kind)
        return MovedLinear.apply(x.to(kind), moved, self.bias.to(kind), up, down)

    @torch.no_grad()
    def merge(self) -> None:
        """Put the product of the factors into the matrix, and drop them."""
        if self.low_rank is not None:
            self.weight += self.low_rank["up"] @ self.low_rank["down"]
            self.low_rank = None


class Embeddings(nn.Module):
    def __init__(self, shape: dict):
        super().__init__()
        width, patch = shape["width"], shape["patch_px"]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + POSITION_GRID**2, width))
        self.patch_embeddings = nn.Module()
        self.patch_embeddings.projection = nn.Conv2d(3, width, patch, patch)
        self.side = shape["image_px"] // patch
        self.register_buffer("field", field_patches(shape), persistent=False)

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
        elif len(self.field) < patches.shape[1]:
            patches = patches[:, self.field]
        first = (self.cls_token + positions[:, :1]).expand(len(images), 1, -1).to(patches.dtype)
        return torch.cat([first, patches], 1)


class SelfAttention(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value = (LowRankLinear(width, width) for _ in range(3))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention = SelfAttention(width)
        self.output = nn.Module()
        self.output.dense = LowRankLinear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layers = (self.attention.query, self.attention.key, self.attention.value)
        query, key, value = (layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in layers)
        attend = attention_in_steps if x.device.type == "cpu" and torch.is_grad_enabled() else F.scaled_dot_product_attention
        return self.output.dense(attend(query, key, value).transpose(1, 2).flatten(2))


def attention_in_steps(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """The same as torch's own, [B, heads, tokens, width of a head]. Its backward pass on a processor is so slow in bf16 that a
    whole training step takes one and a half times as long (Zen 4, torch 2.11, 129 tokens)."""
    batch, heads = query.shape[:2]
    query, key, value = (part.flatten(0, 1) for part in (query, key, value))
    weights = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2)).softmax(-1).to(value.dtype)
    return torch.bmm(weights, value).unflatten(0, (batch, heads))


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = LowRankLinear(width, 4 * width), LowRankLinear(4 * width, width)

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

    def low_rank_layers(self) -> list[LowRankLinear]:
        return [module for module in self.encoder.modules() if isinstance(module, LowRankLinear)]

    def add_factors(self, rank: int, seed: int = 0) -> None:
        """Let every matrix of the blocks move in `rank` directions."""
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            for layer in self.low_rank_layers():
                layer.add_factors(rank)

    def load_difference(self, state: dict[str, torch.Tensor]) -> None:
        """Put what was trained on top of the foundation, both heads included, and merge it."""
        rank = next((len(tensor) for name, tensor in state.items() if name.endswith(FACTORS[0])), 0)
        if rank:
            self.add_factors(rank)
        missing = self.load_state_dict(state, strict=False)
        lacking = [name for name in missing.missing_keys if name.startswith(("head.", "mask_head.")) or name.endswith(FACTORS)]
        if missing.unexpected_keys or lacking:
            raise ValueError(f"not a difference to this foundation: unexpected {missing.unexpected_keys}, missing {lacking}")
        for layer in self.low_rank_layers():
            layer.merge()

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
        return self.head(self.pooled(tokens))[:, 0], self.where(tokens, kept)

    def where(self, tokens: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        """Mask logits [B, patches] in rows, those outside the field very low; or [B, K], of the kept patches."""
        logits, field = self.mask_head(tokens[:, 1:])[..., 0], self.embeddings.field
        if kept is not None:
            return logits
        whole = logits.new_full((len(logits), self.embeddings.side**2), NOT_LOOKED_AT)
        whole[:, field] = logits
        return whole

    def move(self, what: str) -> list[str]:
        """Let only these tensors learn and name them: `norms` (LayerNorms, biases, LayerScales, heads), `low_rank` (the factors
        beside the matrices too) or `all` (the matrices too; never the class token and the positions)."""
        if what not in MOVED:
            raise ValueError(f"{what!r} is none of {MOVED}")
        names = []
        for name, parameter in self.named_parameters():
            small = parameter.ndim == 1 or name.startswith(("head.", "mask_head.")) or name.endswith(FACTORS)
            parameter.requires_grad_((small or what == "all") and not name.endswith(("cls_token", "position_embeddings")))
            if parameter.requires_grad:
                names.append(name)
        return names
