"""Light autoencoders that redraw a picture nearly as it was: what is left are the traces of their way of enlarging.

    python scripts/train/redrawing.py        # trains on the train split, about four minutes on one core

One encoder and four decoders, which differ in how they double the side: nearest or bilinear with a convolution, transposed
convolution, pixel shuffle. They take pictures of any size, so they redraw a face as well as a whole picture.
`autoencoder.py` is the other kind: a tight bottleneck that loses detail, as face-swap programs do.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from faces import Faces
from settings import CACHE_DIR

UPSAMPLERS = ("nearest", "bilinear", "transposed", "shuffle")
CROP_PX, BATCH = 96, 12


class Interpolate(nn.Module):
    def __init__(self, mode: str):
        super().__init__()
        self.mode = mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode=self.mode)


def double(inputs: int, outputs: int, upsampler: str) -> nn.Sequential:
    """[B, inputs, H, W] -> [B, outputs, 2 H, 2 W]."""
    if upsampler == "transposed":
        layers = [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)]
    elif upsampler == "shuffle":
        layers = [nn.Conv2d(inputs, 4 * outputs, 3, padding=1), nn.PixelShuffle(2)]
    else:
        layers = [Interpolate(upsampler), nn.Conv2d(inputs, outputs, 3, padding=1)]
    return nn.Sequential(*layers, nn.LeakyReLU(0.1))


def decoder(upsampler: str) -> nn.Sequential:
    middle = nn.Sequential(nn.Conv2d(8, 48, 3, padding=1), nn.LeakyReLU(0.1))
    return nn.Sequential(middle, double(48, 32, upsampler), double(32, 24, upsampler), nn.Conv2d(24, 3, 3, padding=1))


class RedrawingAutoencoder(nn.Module):
    """RGB [B, 3, H, W] in 0..1 to the same through 8 channels at a quarter of the side (H and W multiples of 4)."""

    def __init__(self):
        super().__init__()
        down = [nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.1)) for a, b in ((3, 24), (24, 48))]
        self.encode = nn.Sequential(*down, nn.Conv2d(48, 8, 3, padding=1))
        self.decode = nn.ModuleDict({name: decoder(name) for name in UPSAMPLERS})

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """One picture from each decoder."""
        code = self.encode(images - 0.5)
        return [decode(code) + 0.5 for decode in self.decode.values()]

    @torch.no_grad()
    def redraw(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """RGB uint8 [S, S, 3] through one of the decoders, sometimes drawn at a smaller size and enlarged."""
        side = image.shape[0]
        drawn_px = int(side * (1 if rng.random() < 0.5 else rng.uniform(0.5, 1))) // 4 * 4
        small = cv2.resize(image, (drawn_px, drawn_px), interpolation=cv2.INTER_AREA)
        batch = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
        drawn = self.decode[str(rng.choice(UPSAMPLERS))](self.encode(batch - 0.5))[0] + 0.5
        drawn = (drawn.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        return cv2.resize(drawn, (side, side), interpolation=cv2.INTER_CUBIC)


def load_redrawing(cache_dir: Path = CACHE_DIR) -> RedrawingAutoencoder:
    model = RedrawingAutoencoder()
    model.load_state_dict(torch.load(cache_dir / "redrawing.pt", weights_only=True))
    return model.eval().requires_grad_(False)


def train(cache_dir: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    rng, faces, started, model = np.random.default_rng(seed), Faces(cache_dir), time.time(), RedrawingAutoencoder()
    pool = faces.of_split("train")
    odds = faces.odds(pool, sharp_share=0.5)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for step in range(steps):
        batch = torch.stack([crop(faces.canvases[i], rng) for i in rng.choice(pool, BATCH, p=odds)])
        loss = sum(difference(drawn, batch) for drawn in model(batch)) / len(UPSAMPLERS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step} loss {loss.item() * 255:.1f}/255 after {time.time() - started:.0f} s", flush=True)
    torch.save(model.state_dict(), cache_dir / "redrawing.pt")


def crop(canvas: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    top, left = rng.integers(0, canvas.shape[0] - CROP_PX, 2)
    return torch.from_numpy(canvas[top : top + CROP_PX, left : left + CROP_PX].copy()).permute(2, 0, 1).float() / 255


def difference(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean error of the pixels and, weighing as much, of their differences to their neighbours: keeps edges sharp."""
    across = (drawn.diff(dim=3) - wanted.diff(dim=3)).abs().mean()
    return (drawn - wanted).abs().mean() + across + (drawn.diff(dim=2) - wanted.diff(dim=2)).abs().mean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train(arguments.cache, arguments.steps, arguments.seed)
