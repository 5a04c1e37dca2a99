"""Batches of pairs from the pool of stills, with a curriculum over its stages."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from manipulate import FAMILIES
from settings import CACHE_DIR, POOL_CONFIG, read_config
from still_pool import plan


class StillPool:
    """The shards of one split, in the order of the plan; `still_pool.py` may still be making the later ones."""

    def __init__(self, split: str, cache_dir: Path = CACHE_DIR):
        self.folder = cache_dir / "stills" / split
        self.planned = [f"{name}-{index:03d}" for name, index in plan(read_config(POOL_CONFIG), split)]
        self.shards: dict[str, dict] = {}
        self.taught = 0  # shards of which the teacher's opinion is known
        self.families: list[int] | None = None

    def complete(self) -> "StillPool":
        """The pool with every planned shard."""
        self.take(len(self.planned))
        return self

    def take(self, count: int) -> None:
        """Use the first `count` planned shards, waiting for any that is not there yet: which pictures a step sees must
        not depend on how fast they are made."""
        for name in self.planned[len(self.shards) : count]:
            path = self.folder / f"{name}.npz"
            while not path.exists():
                print(f"waiting for still_pool.py to make {path}", flush=True)
                time.sleep(10)
            self.shards[name] = dict(np.load(path)) | {"pairs": np.load(path.with_suffix(".npy"), mmap_mode="r")}

    def take_opinions(self, count: int) -> None:
        """Use what the teacher says of the first `count` planned shards (`teacher.py`), waiting as for the shards."""
        for name in self.planned[self.taught : count]:
            path = self.folder / f"{name}.teacher.npz"
            while not path.exists():
                print(f"waiting for teacher.py to make {path}", flush=True)
                time.sleep(10)
            self.shards[name]["teacher"] = dict(np.load(path))
            self.taught += 1

    def stage(self, name: str) -> list[dict]:
        return [shard for key, shard in sorted(self.shards.items()) if key.startswith(name + "-")]

    def keep_families(self, names: list[str]) -> None:
        """Only pairs forged in one of these ways, in shards taken so far and later; for ablations."""
        self.families = [FAMILIES.index(name) for name in names]

    def draw(self, shard: dict, rng: np.random.Generator) -> int:
        while True:
            index = int(rng.integers(len(shard["masks"])))
            if self.families is None or shard["families"][index] in self.families:
                return index

    def batch(self, pairs: int, odds: dict[str, float], rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """`images` u8 [2*pairs, 3, S, S] (genuine first, then their forgeries), `masks` [2*pairs, 16, 16], `labels` [2*pairs]; of the teacher
        `taught` [2*pairs], whether it was asked, `opinions` [2*pairs] (logits), `maps` [2*pairs, 16, 16] and `features` [2*pairs, 768], else zeros."""
        odds = {name: share for name, share in odds.items() if share > 0 and self.stage(name)} or {"easy": 1.0}
        names = rng.choice(list(odds), pairs, p=np.array(list(odds.values())) / sum(odds.values()))
        drawn: list[dict[str, np.ndarray]] = []
        for name in names:
            shards = self.stage(str(name))
            shard = shards[rng.integers(len(shards))]
            drawn.append(example(shard, self.draw(shard, rng), bool(rng.random() < 0.5)))
        batch = {key: torch.from_numpy(np.concatenate([np.stack([pair[key][half] for pair in drawn]) for half in (0, 1)])) for key in drawn[0]}
        return batch | {"images": batch["images"].permute(0, 3, 1, 2), "labels": torch.cat([torch.zeros(pairs), torch.ones(pairs)])}


NOTHING_SAID = {"logits": np.zeros(2), "maps": np.zeros((2, 16, 16), np.uint8), "features": np.zeros((2, 768), np.float16)}


def example(shard: dict, index: int, mirrored: bool) -> dict[str, np.ndarray]:
    """One pair of a shard and what is known of it, every entry [2, ...]."""
    images, mask = np.array(shard["pairs"][index]), shard["masks"][index].astype(np.float32) / 255
    said = {key: shard["teacher"][key][index] for key in NOTHING_SAID} if "teacher" in shard else NOTHING_SAID
    maps, masks = said["maps"].astype(np.float32) / 255, np.stack([np.zeros_like(mask), mask])
    if mirrored:
        images, masks, maps = images[:, :, ::-1], masks[..., ::-1], maps[..., ::-1]
    return {"images": images, "masks": masks, "maps": maps, "opinions": said["logits"].astype(np.float32),
            "features": said["features"].astype(np.float32), "taught": np.full(2, "teacher" in shard, np.float32)}


def curriculum(progress: float, steps: list[dict]) -> dict[str, float]:
    """The stage shares in force at `progress` 0..1; each step of the configuration holds until its `until`."""
    return next(step["shares"] for step in steps if progress < step["until"] or step is steps[-1])


def normalise(images: torch.Tensor, preprocess: dict) -> torch.Tensor:
    """u8 [N, 3, S, S] -> float, /255, mean and deviation."""
    mean, std = (torch.tensor(preprocess[key], device=images.device).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (images.float() / 255 - mean) / std


def shift(batch: dict[str, torch.Tensor], rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """Both pictures of each pair and their masks moved by 0 or 8 px (one cell of the mask) each way, as a landmark error would."""
    changed = {name: batch[name].clone() for name in ("images", "masks", "maps")}
    pairs = len(batch["labels"]) // 2
    for pair, (rows, columns) in enumerate(rng.integers(-1, 2, (pairs, 2))):
        for half in (pair, pair + pairs):
            for name, by in (("images", 8), ("masks", 1), ("maps", 1)):
                changed[name][half] = moved(changed[name][half], by * int(rows), by * int(columns))
    return batch | changed


def moved(picture: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """[..., H, W] moved by whole cells; the edge is repeated."""
    height, width = picture.shape[-2:]
    take_rows = (torch.arange(height) - rows).clamp(0, height - 1)
    take_columns = (torch.arange(width) - columns).clamp(0, width - 1)
    return picture[..., take_rows, :][..., take_columns]


def jitter(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Brightness, contrast and channel gains, equal for both halves of each pair: u8 in, u8 out."""
    pairs = len(images) // 2
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (pairs, 1, 1, 1)) * rng.uniform(0.95, 1.05, (pairs, 3, 1, 1))).float()
    offset = torch.from_numpy(rng.uniform(-15, 15, (pairs, 1, 1, 1))).float()
    return (images * gain.repeat(2, 1, 1, 1) + offset.repeat(2, 1, 1, 1)).clamp(0, 255).byte()


def picture_and_mask_loss(outputs: tuple, batch: dict, mask_weight: float, trust: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy of the picture logits, and of the mask logits against the (pooled) blend mask. Where the teacher was asked, what
    is wanted is its probability to the share `trust` (Hinton et al. 2015, section 2): it knows which forgeries can be seen."""
    picture, mask = (part.float() for part in outputs[:2])
    trusted = trust * batch["taught"]
    labels = torch.lerp(batch["labels"], batch["opinions"].sigmoid(), trusted)
    masks = torch.lerp(batch["masks"], batch["maps"], trusted[:, None, None])
    wanted = F.adaptive_avg_pool2d(masks[:, None], mask.shape[-2:])[:, 0]
    picture_loss = F.binary_cross_entropy_with_logits(picture, labels)
    mask_loss = F.binary_cross_entropy_with_logits(mask, wanted)
    return picture_loss + mask_weight * mask_loss, picture_loss.detach()


def feature_loss(changes: torch.Tensor, batch: dict) -> torch.Tensor:
    """How far `changes` [pairs, 768], what the student says that a forgery changed in the teacher's features, are from what it did change,
    as a share of that change: faces differ in much that does not matter, the two halves of a pair in nothing else."""
    genuine, forged = batch["features"].chunk(2)
    taught = batch["taught"].chunk(2)[0]
    wanted = forged - genuine
    missed = (changes.float() - wanted).square().mean(1)
    return (missed * taught).sum() / (wanted.square().mean(1) * taught).sum().clamp_min(1e-6)
