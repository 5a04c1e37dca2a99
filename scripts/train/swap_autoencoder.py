"""Another autoencoder, unlike the one of training: the held-out family `autoencoder_swap` redraws a swapped face with it.

    python scripts/train/swap_autoencoder.py        # learns from training people, about two minutes on one core

Built as face-swap programs build theirs: strided convolutions to a dense bottleneck, sub-pixel enlargement on the way back.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from autoencoder import Plan, fit, region
from settings import CACHE_DIR

FACE_PX = 80
REGION = (52 / 256, 228 / 256)  # the square of the canvas that is redrawn, both axes
BOTTLENECK = 384


def up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(0.1))


class SwapAutoencoder(nn.Module):
    """RGB [B, 3, 80, 80] in 0..1 to the same, through a dense bottleneck."""

    def __init__(self):
        super().__init__()
        widths = (3, 32, 64, 96, 128)
        self.encode = nn.Sequential(*[nn.Sequential(nn.Conv2d(a, b, 5, 2, 2), nn.LeakyReLU(0.1)) for a, b in zip(widths, widths[1:])])
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(128 * 25, BOTTLENECK), nn.Linear(BOTTLENECK, 128 * 25), nn.Unflatten(1, (128, 5, 5)))
        self.decode = nn.Sequential(up(128, 96), up(96, 64), up(64, 32), up(32, 24), nn.Conv2d(24, 3, 3, padding=1))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.decode(self.dense(self.encode(faces - 0.5))) + 0.5

    @torch.no_grad()
    def redraw(self, canvas: np.ndarray) -> np.ndarray:
        """The canvas [256, 256, 3] uint8 with its face square redrawn."""
        drawn = self(as_batch([canvas]))[0].clamp(0, 1)
        drawn = (drawn * 255).byte().permute(1, 2, 0).numpy()
        result, square = canvas.copy(), region(canvas, REGION)
        side = square.stop - square.start
        result[square, square] = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_CUBIC)
        return result


def as_batch(canvases: list[np.ndarray]) -> torch.Tensor:
    squares = [cv2.resize(canvas[region(canvas, REGION), region(canvas, REGION)], (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA) for canvas in canvases]
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255


def load_swap_autoencoder(cache_dir: Path = CACHE_DIR) -> SwapAutoencoder:
    model = SwapAutoencoder()
    model.load_state_dict(torch.load(cache_dir / "swap_autoencoder.pt", weights_only=True))
    return model.eval()


def train(cache_dir: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = fit(SwapAutoencoder(), as_batch, Plan(cache_dir, steps, seed, learning_rate=1.5e-3))
    torch.save(model.state_dict(), cache_dir / "swap_autoencoder.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train(arguments.cache, arguments.steps, arguments.seed)
