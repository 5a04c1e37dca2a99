"""A small face autoencoder: its redrawn faces are one family of forgeries.

    python scripts/train/autoencoder.py        # trains on the train split, about two minutes on one core
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from settings import CACHE_DIR

FACE_PX = 96
REGION = (44 / 256, 236 / 256)  # the square of the canvas that is redrawn, both axes


def region(canvas: np.ndarray, bounds: tuple[float, float] = REGION) -> slice:
    return slice(*(round(bound * canvas.shape[0]) for bound in bounds))


def down(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.1))


def up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.1))


class Autoencoder(nn.Module):
    """RGB [B, 3, 96, 96] in 0..1 to the same, through a bottleneck of 6x6x48."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(down(3, 24), down(24, 48), down(48, 64), down(64, 48))
        self.decode = nn.Sequential(up(48, 64), up(64, 48), up(48, 24), nn.ConvTranspose2d(24, 3, 4, 2, 1))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(faces - 0.5)) + 0.5

    @torch.no_grad()
    def redraw(self, canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The canvas with its face square redrawn; part of the lost detail is sometimes added back."""
        square = region(canvas)
        face = canvas[square, square]
        small = cv2.resize(face, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
        drawn = self(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1)
        drawn = (drawn * 255).byte().permute(1, 2, 0).numpy()
        size = face.shape[0]
        large = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        if rng.random() < 0.5:
            lost = face.astype(np.float32) - cv2.GaussianBlur(face, (0, 0), 2.0)
            large += lost * rng.uniform(0.3, 0.9)
        result = canvas.copy()
        result[square, square] = np.clip(large, 0, 255).astype(np.uint8)
        return result


def load_autoencoder(cache_dir: Path = CACHE_DIR) -> Autoencoder:
    model = Autoencoder()
    model.load_state_dict(torch.load(cache_dir / "autoencoder.pt", weights_only=True))
    return model.eval().requires_grad_(False)


def train(cache_dir: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = fit(Autoencoder(), as_batch, Plan(cache_dir, steps, seed, learning_rate=3e-3))
    torch.save(model.state_dict(), cache_dir / "autoencoder.pt")


@dataclass
class Plan:
    """How an autoencoder is trained."""

    cache_dir: Path
    steps: int
    seed: int
    learning_rate: float


def fit(model: nn.Module, prepare: Callable[[list[np.ndarray]], torch.Tensor], plan: Plan) -> nn.Module:
    """Any autoencoder on canvases of training people, 24 a step; `prepare` makes them its input and target."""
    from faces import Faces
    from split import splits

    rng, faces, started = np.random.default_rng(plan.seed), Faces(plan.cache_dir), time.time()
    pool = [index for index, person in enumerate(faces.people) if splits()[person] == "train"]
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, total_steps=plan.steps)
    for step in range(plan.steps):
        batch = prepare([faces.canvases[i] for i in rng.choice(pool, 24)])
        loss = (model(batch) - batch).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == plan.steps - 1:
            print(f"step {step} mean error {loss.item() * 255:.1f}/255 after {time.time() - started:.0f} s", flush=True)
    return model


def as_batch(canvases: list[np.ndarray]) -> torch.Tensor:
    squares = [cv2.resize(canvas[region(canvas), region(canvas)], (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA) for canvas in canvases]
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(arguments.cache, arguments.steps, arguments.seed)
