"""What 8-bit integers move of the frame model's answers, on this processor: a row for each way of rounding.

    python scripts/train/fewer_bits.py --models models [--pairs 80] [--ways exact half]

The linear layers compute as `src/inference/networks/eight_bits.rs` has them compute (libtorch's own products), picture by picture; the
pictures are the validation pairs of training. Where two products are added in 16 bits (AVX2 without VNNI), `exact` is what is served; with VNNI
it is `single`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ablate_frame import difference
from dinov2 import LowRankLinear
from export import stored_network
from frame_validation import PairSet, auc, pair_set
from settings import CACHE_DIR, MODELS_DIR, read_config
from stills import normalise

CONFIG = Path(__file__).parent / "configs/frame-dino-s.toml"
LARGEST = 127
BATCH = 8


class EightBits(nn.Module):
    """A linear layer whose weights are rounded once, and whose inputs [B, tokens, inputs] are rounded picture by picture."""

    def __init__(self, linear: nn.Linear, way: str):
        super().__init__()
        weight, zeros = linear.weight.detach(), torch.zeros(linear.out_features, dtype=torch.long)
        rounded = torch.quantize_per_channel(weight, WAYS[way](weight).double().clamp_min(1e-12), zeros, 0, torch.qint8)
        self.packed = torch.ops.quantized.linear_prepack(rounded, linear.bias.detach())
        self.halves_its_input = way == "half"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.ops.quantized.linear_dynamic(picture, self.packed, self.halves_its_input) for picture in x])


def of_single_weights(weight: torch.Tensor) -> torch.Tensor:
    """What a step is worth for every output [outputs] if only single weights must fit."""
    return weight.abs().amax(1) / LARGEST


def of_neighbours(weight: torch.Tensor) -> torch.Tensor:
    """The same if two neighbours that pull one way must fit together."""
    pulling = [side.clamp_min(0).view(len(weight), -1, 2).sum(2).amax(1) / LARGEST for side in (weight, -weight)]
    return torch.stack([of_single_weights(weight), *pulling]).amax(0)


def of_six_bits(weight: torch.Tensor) -> torch.Tensor:
    return weight.abs().amax(1) / 63


WAYS = {"exact": of_neighbours, "six-bits": of_six_bits, "single": of_single_weights, "half": of_single_weights}


def rounded(models: Path, way: str | None) -> nn.Module:
    """The frame model of a bundle with all linear layers of its blocks in 8-bit integers, or as it is."""
    network, _ = stored_network(models / "frame-dino-s")
    for module in list(network.encoder.modules()) if way else []:
        for name, child in list(module.named_children()):
            if isinstance(child, LowRankLinear):
                setattr(module, name, EightBits(child, way))
    return network.requires_grad_(False)


@torch.inference_mode()
def logits(network: nn.Module, held: PairSet, preprocess: dict) -> np.ndarray:
    """[pairs, 2], genuine and forged."""
    pictures = torch.from_numpy(held.pairs).flatten(0, 1).permute(0, 3, 1, 2)
    found = [network(normalise(part, preprocess))[0] for part in pictures.split(BATCH)]
    return torch.cat(found).view(-1, 2).numpy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--pairs", type=int, help="only so many, evenly spread")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = read_config(CONFIG)
    held = pair_set(config, arguments.cache)
    every = max(1, len(held.pairs) // (arguments.pairs or len(held.pairs)))
    held.pairs = held.pairs[::every][: arguments.pairs]
    exact = logits(rounded(arguments.models, None), held, config["preprocess"])
    print(f"{exact.size} pictures, logits spread by {exact.std():.2f}, AUC {auc(exact[:, 1], exact[:, 0]):.3f} in fp32\n")
    print("| way | moved on average | at the 95th percentile | AUC | less that in fp32 |\n|---|---|---|---|---|")
    for way in arguments.ways:
        found = logits(rounded(arguments.models, way), held, config["preprocess"])
        moved = np.abs(found - exact)
        print(f"| {way} | {moved.mean():.3f} | {np.quantile(moved, 0.95):.2f} | {auc(found[:, 1], found[:, 0]):.3f} | {difference(found, exact)} |", flush=True)
