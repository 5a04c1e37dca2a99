"""Generators of faces, taught by discriminators on a GPU, and the bank of what they drew: the family `generated`.

    python scripts/train/generators.py --minutes 3      # on a lent GPU (gpu.sh); the bank takes ten gigabytes and is not kept

Seen on an H200: 800 steps in 2.4 minutes gave recognisable faces from all but one plan, in which the discriminator had a larger
weight (.3) and whose pictures turned grey; a grid code of four channels is nearly the picture, one vector another person.

They differ as real programs differ: by how much a code holds (a grid of it, as latent diffusion has, or one vector, as
face-swap programs have), by rounding it, by how they double the side, by norms. Drawing perturbs the codes or mixes two
people's, so that a face is drawn anew and not only passed through.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from faces import Faces
from redrawing import Interpolate, difference
from settings import CACHE_DIR
from split import splits

BANK = "bank.npy"  # u8 [faces, generators, C, C, 3] in the order of faces.csv; zeros for people who may not be drawn
CROP_PX = 128  # what a generator learns on: a crop of the canvas, or all of it made smaller
BATCH = 24
SHOWN = 6  # faces on the picture of what the bank holds
ALONE_STEPS = 150  # before the discriminator has a say
WIDEST = 256


@dataclass(frozen=True)
class Plan:
    """How one generator is built."""

    halvings: int
    code: int  # channels of the code, or numbers of the vector
    doubling: str  # nearest, bilinear, transposed, shuffle
    judged: float  # weight of the discriminator's opinion
    levels: int = 0  # codes are rounded to so many values
    whole: bool = False  # sees whole canvases and keeps one vector of them


PLANS = {
    "latent-8": Plan(3, 4, "nearest", .2),
    "latent-16": Plan(4, 12, "transposed", .2),
    "rounded-4": Plan(2, 3, "bilinear", .1, levels=7),
    "rounded-8": Plan(3, 6, "shuffle", .1, levels=5),
    "vector": Plan(4, 512, "nearest", .05, whole=True),
    "vector-soft": Plan(4, 384, "bilinear", 0, whole=True),
}


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
                                    nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def doubling(inputs: int, outputs: int, how: str) -> nn.Sequential:
    if how == "transposed":
        return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1))
    if how == "shuffle":
        return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 3, padding=1), nn.PixelShuffle(2))
    return nn.Sequential(Interpolate(how), nn.Conv2d(inputs, outputs, 3, padding=1))


class Generator(nn.Module):
    """RGB [B, 3, S, S] in 0..1 to the same; S is a multiple of 16, and CROP_PX where the code is a vector."""

    def __init__(self, plan: Plan, width: int = 48):
        super().__init__()
        self.plan = plan
        widths = [min(width * 2**level, WIDEST) for level in range(plan.halvings + 1)]
        down = [nn.Sequential(Residual(a), nn.Conv2d(a, b, 4, 2, 1)) for a, b in zip(widths, widths[1:])]
        up = [nn.Sequential(Residual(b), doubling(b, a, plan.doubling)) for a, b in zip(widths, widths[1:])][::-1]
        channels, side = (32 if plan.whole else plan.code), CROP_PX // 2**plan.halvings
        self.encode = nn.Sequential(nn.Conv2d(3, widths[0], 3, padding=1), *down, Residual(widths[-1]), nn.Conv2d(widths[-1], channels, 1))
        self.decode = nn.Sequential(nn.Conv2d(channels, widths[-1], 3, padding=1), *up, nn.GroupNorm(8, widths[0]), nn.SiLU(),
                                    nn.Conv2d(widths[0], 3, 3, padding=1))
        if plan.whole:
            self.encode.extend([nn.Flatten(), nn.Linear(channels * side**2, plan.code)])
            self.decode = nn.Sequential(nn.Linear(plan.code, channels * side**2), nn.Unflatten(1, (channels, side, side)), *self.decode)

    def codes(self, images: torch.Tensor) -> torch.Tensor:
        codes = self.encode(images - 0.5)
        if not self.plan.levels:
            return codes
        bounded = torch.tanh(codes.float()) * (self.plan.levels // 2)
        return bounded + (bounded.round() - bounded).detach()  # the gradient passes the rounding by

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decode(self.codes(images)).float() + 0.5


def discriminator(width: int = 48) -> nn.Sequential:
    """Logits of "real" by patch (Isola et al. 2017, section 3.2.2)."""
    normed = nn.utils.parametrizations.spectral_norm
    layers: list[nn.Module] = []
    for a, b in zip((3, width, 2 * width), (width, 2 * width, 4 * width)):
        layers += [normed(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, normed(nn.Conv2d(4 * width, 1, 3, padding=1)))


class Lesson:
    """One generator, its discriminator and what moves them."""

    def __init__(self, plan: Plan, device: torch.device):
        self.plan, self.generator, self.judge = plan, Generator(plan).to(device), discriminator().to(device)
        self.optimizers = [torch.optim.Adam(part.parameters(), 4e-4, betas=(0.5, 0.9)) for part in (self.generator, self.judge)]
        self.steps = 0

    def learn(self, images: torch.Tensor) -> float:
        """One step of both, by hinge losses; the generator's mean difference to the pictures."""
        with torch.autocast(images.device.type, torch.bfloat16):
            drawn = self.generator(images)
        loss = difference(drawn, images)
        if self.plan.judged and self.steps >= ALONE_STEPS:
            loss = loss - self.plan.judged * self.opinion(drawn).mean()
        self.move(0, loss)
        if self.plan.judged:
            judged = F.relu(1 - self.opinion(images)).mean() + F.relu(1 + self.opinion(drawn.detach())).mean()
            self.move(1, judged)
        self.steps += 1
        return float(loss.detach()) if self.steps % 100 == 0 else 0.0

    def opinion(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return self.judge(images - 0.5).float()

    def move(self, which: int, loss: torch.Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[which].step()


def train(canvases: torch.Tensor, pool: np.ndarray, minutes: float) -> list[Generator]:
    """All generators at once, on canvases [N, 3, C, C] u8 of the people in `pool`."""
    device, rng, started = canvases.device, np.random.default_rng(5), time.monotonic()
    lessons = [Lesson(plan, device) for plan in PLANS.values()]
    while time.monotonic() - started < minutes * 60:
        chosen = torch.from_numpy(rng.choice(pool, BATCH)).to(device)
        whole = canvases[chosen].float() / 255
        if rng.random() < 0.5:
            whole = whole.flip(-1)
        top, left = rng.integers(0, whole.shape[-1] - CROP_PX + 1, 2)
        crops, small = whole[..., top : top + CROP_PX, left : left + CROP_PX].contiguous(), F.interpolate(whole, CROP_PX, mode="area")
        losses = [lesson.learn(small if lesson.plan.whole else crops) for lesson in lessons]
        if lessons[0].steps % 100 == 0:
            print(f"generators: step {lessons[0].steps} after {time.monotonic() - started:.0f} s", *(f"{loss:.3f}" for loss in losses), flush=True)
    return [lesson.generator.eval() for lesson in lessons]


@torch.no_grad()
def draw(generators: list[Generator], canvases: torch.Tensor, pool: np.ndarray, bank: np.ndarray) -> None:
    """Every face of `pool` by every generator, at a size of its own."""
    rng, side = np.random.default_rng(6), canvases.shape[-1]
    for start in range(0, len(pool), BATCH):
        mine = pool[start : start + BATCH]
        others = rng.choice(pool, len(mine))
        for number, generator in enumerate(generators):
            size = CROP_PX if generator.plan.whole else int(rng.integers(6, side // 16 + 1)) * 16
            first, second = (F.interpolate(canvases[torch.from_numpy(chosen)].float() / 255, size, mode="area") for chosen in (mine, others))
            with torch.autocast(canvases.device.type, torch.bfloat16):
                codes = perturbed(generator, first, second, rng)
                drawn = generator.decode(codes).float() + 0.5
            drawn = F.interpolate(drawn, side, mode="bicubic", align_corners=False) if size != side else drawn
            bank[mine, number] = (drawn.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def perturbed(generator: Generator, first: torch.Tensor, second: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Codes of faces, mixed with other people's where a code is a vector, with noise where it is a grid."""
    codes = generator.codes(first)
    if generator.plan.whole:
        return torch.lerp(codes, generator.codes(second), float(rng.uniform(0, 0.5)))
    spread = codes.std() * float(rng.choice([0, 0.05, 0.15]))
    return codes + spread * torch.randn_like(codes)


class GeneratorBank:
    """What the generators drew, read back; canvases stay on disk until touched."""

    def __init__(self, path: Path):
        self.drawn = np.load(path, mmap_mode="r")

    def draw(self, face: int, rng: np.random.Generator) -> np.ndarray:
        """The whole canvas [C, C, 3] of a face, as one of the generators drew it."""
        return np.array(self.drawn[face, int(rng.integers(self.drawn.shape[1]))])


def load_bank(cache_dir: Path = CACHE_DIR) -> GeneratorBank | None:
    return GeneratorBank(cache_dir / BANK) if (cache_dir / BANK).exists() else None


def make_bank(cache_dir: Path, minutes: float, device: torch.device, most: int | None) -> None:
    faces = Faces(cache_dir)
    canvases = torch.from_numpy(np.array(faces.canvases[:most])).to(device).permute(0, 3, 1, 2)
    of = {split: np.array([i for i in range(len(canvases)) if splits()[faces.people[i]] == split], np.int64) for split in ("train", "validation")}
    generators = train(canvases, of["train"], minutes)
    side = canvases.shape[-1]
    bank = np.lib.format.open_memmap(cache_dir / "bank.part", "w+", np.uint8, (len(canvases), len(PLANS), side, side, 3))
    for pool in of.values():  # nobody's code is mixed with that of a person of another split
        draw(generators, canvases, pool, bank)
    shown = of["train"][:: max(1, len(of["train"]) // SHOWN)][:SHOWN]
    rows = [np.concatenate([faces.canvases[face], *bank[face]], axis=1) for face in shown]
    cv2.imwrite(str(cache_dir / "bank.jpg"), np.concatenate(rows)[..., ::-1])
    bank.flush()
    (cache_dir / "bank.part").rename(cache_dir / BANK)
    print(f"{bank.shape} in {cache_dir / BANK}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--faces", type=int, help="only the first so many, for a trial")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    make_bank(arguments.cache, arguments.minutes, torch.device(arguments.device), arguments.faces)
