"""What one step of the frame model's training sees, made in worker processes while the step before is being learnt.

A step's pairs depend on the configuration and the step's number alone: a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from faces import Faces
from manipulate import SHARES, TRAINED_FAMILIES
from pairs import Pair, PairMaker, Stage, shrink, small_mask
from redrawers import load_redrawers

AHEAD = 4  # steps a worker makes in advance


class StepPairs(Dataset):
    """Step number -> `images-S` u8 [2 P, 3, S, S] (genuine first, then their forgeries) and `masks-S` u8 [P, S/14, S/14] for
    every size S asked for; `families` [P], numbers in SHARES."""

    def __init__(self, config: dict, cache_dir: Path, sizes: tuple[int, ...]):
        self.config, self.cache_dir, self.sizes = config, cache_dir, sizes
        self.maker: PairMaker | None = None  # opened by the worker itself

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        if self.maker is None:
            torch.set_num_threads(1)
            cv2.setNumThreads(1)
            self.maker = open_maker(self.config, self.cache_dir, "train")
            self.maker.close_crop_share = self.config["pairs"].get("close_crop_share", 0.0)
        plan, rng = self.config["pairs"], np.random.default_rng([self.config["seed"], step])
        self.maker.use(rng)
        shares = curriculum(self.config["training"]["curriculum"], step)
        made: list[Pair] = []
        for number in range(plan["count"] // plan["group"]):
            stage = stage_of(self.config, str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values()))))
            made += self.maker.group(stage, plan["group"], plan["journeys"][number % len(plan["journeys"])])
        return stacked(jittered(made, rng), self.sizes, self.config["architecture"]["patch_px"])


def open_maker(config: dict, cache_dir: Path, split: str) -> PairMaker:
    """A maker that draws faces as the configuration's [pairs] says."""
    maker = PairMaker(Faces(cache_dir, config["preprocess"]["canvas_px"]), split, np.random.default_rng(0), load_redrawers(cache_dir))
    maker.odds = maker.faces.odds(maker.pool, config["pairs"]["sharp_share"], config["pairs"]["source_weights"])
    return maker


def curriculum(steps: list[dict], step: int) -> dict[str, float]:
    """Shares of the stages in force at a step."""
    return next(entry["shares"] for entry in steps if step < entry["until_step"])


def stage_of(config: dict, name: str) -> Stage:
    plan = config["stage"][name]
    families = plan.get("families", config["pairs"].get("families", TRAINED_FAMILIES))
    return Stage(tuple(plan["strength"]), plan["severity"], tuple(families), SHARES | config["pairs"].get("shares", {}))


def jittered(pairs: list[Pair], rng: np.random.Generator) -> list[Pair]:
    """Brightness, contrast and channel gains, the same for both halves of a pair."""
    for pair in pairs:
        gains, offset = rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, 3), rng.uniform(-15, 15)
        levels = np.clip(np.arange(256)[:, None] * gains + offset, 0, 255).astype(np.uint8)[None]
        pair.genuine, pair.forged = cv2.LUT(pair.genuine, levels), cv2.LUT(pair.forged, levels)
    return pairs


def stacked(pairs: list[Pair], sizes: tuple[int, ...], patch_px: int) -> dict[str, torch.Tensor]:
    batch = {"families": torch.tensor([list(SHARES).index(pair.family) for pair in pairs])}
    for size in sizes:
        pictures = np.stack([shrink(picture, size) for picture in [*(p.genuine for p in pairs), *(p.forged for p in pairs)]])
        batch[f"images-{size}"] = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
        batch[f"masks-{size}"] = torch.from_numpy(np.stack([small_mask(pair.mask, size // patch_px) for pair in pairs]))
    return batch


def steps_from(first: int, dataset: StepPairs, workers: int) -> Iterator[dict[str, torch.Tensor]]:
    """The batches of all steps from `first` on, in order."""
    loader = DataLoader(dataset, batch_size=None, sampler=range(first, 2**40), num_workers=workers, multiprocessing_context="spawn",
                        prefetch_factor=AHEAD, worker_init_fn=leave_signals_to_the_trainer)
    return iter(loader)


def leave_signals_to_the_trainer(_worker: int) -> None:
    """A signal to the whole process group must not end a worker before the trainer has saved; it ends them itself."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
