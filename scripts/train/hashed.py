"""Numbers that Python and Rust compute alike, so that weights of any size need no file (`src/inference/parity/hashed.rs`).

Element i of the tensor `name` comes from a 32-bit hash h: x = i * 0x9E3779B1 + fnv1a(name), mixed as in MurmurHash3's
finaliser; its upper 24 bits are u in [0, 1). The value is centre + spread * (2u - 1), computed in 64 bits, rounded to 32:

| tensor | centre | spread |
|---|---|---|
| `running_var` | 1 | 0.5 |
| 1-D `weight` | 1 | 0.1 |
| other 1-D, scalars, `pe`, `position_embeddings` | 0 | 0.1 |
| 2-D and more | 0 | sqrt(3 / product of all sizes but the first) |
| 2-D of the last layer (`HEADS`) | 0 | 24 times that, so that logits are of the order of 1 |

Counters (64-bit integers) are 0.
"""

from __future__ import annotations

import math

import numpy as np
import torch

HEADS = ("fc2.weight", "linear.weight", "linear1.weight", "fc.weight", "fc.1.weight")


def bits(name: str, count: int) -> np.ndarray:
    """[count] of uint32."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
    x ^= x >> 16
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> 13
    x *= np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    count = math.prod(shape)
    unit = (bits(name, count) >> 8) / 2.0**24
    centre, spread = range_of(name, shape)
    return torch.from_numpy((centre + spread * (2.0 * unit - 1.0)).astype(np.float32)).view(shape)


def range_of(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if name.endswith("running_var"):
        return 1.0, 0.5
    if len(shape) < 2 or name.endswith((".pe", "position_embeddings")):
        return (1.0 if name.endswith("weight") else 0.0), 0.1
    spread = math.sqrt(3.0 / math.prod(shape[1:]))
    return 0.0, 24.0 * spread if name.endswith(HEADS) else spread


def state(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """A whole state dict; names of counters end in `num_batches_tracked`."""
    counter = torch.zeros((), dtype=torch.int64)
    return {
        name: counter.clone() if name.endswith("num_batches_tracked") else tensor(name, shape) for name, shape in shapes.items()
    }
