"""Pairs of stills made ahead of training: a genuine face and its forgery after the same journey.

    python scripts/train/still_pool.py --config scripts/train/configs/pool.toml --split train

Shards appear one by one under <cache>/stills/<split>; training starts on the first and takes in later ones as they come
(fill the pool first for a repeatable run). Stages go from coarse forgeries in clean pictures to subtle ones in bad ones.
A shard is <stage>-<n>.npy, pairs u8 [N, 2, S, S, 3] RGB (genuine, forged), and then <stage>-<n>.npz with `masks` u8
[N, 16, 16] (0..255), `families` [N] and `faces` [N].
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from autoencoder import load_autoencoder
from degrade import draw_journey, travel
from faces import Faces
from layers import nudge
from manipulate import FAMILIES, Forger
from settings import CACHE_DIR, read_config
from split import splits

MASK_PX = 16
JOURNEY_GROUP = 16  # pairs that share a journey (and one encoder process)


def shrink(canvas: np.ndarray, size_px: int) -> np.ndarray:
    """The serving resize: Pillow's antialiased bilinear on uint8."""
    return np.asarray(Image.fromarray(canvas).resize((size_px, size_px), Image.BILINEAR))


def small_mask(mask: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """The blend mask at 16x16, 0 where blending changed nothing that could be seen."""
    visible = cv2.GaussianBlur(changed, (0, 0), 6) > 0.7
    return np.round(255 * cv2.resize(mask[..., 0] * visible, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)).astype(np.uint8)


class PairMaker:
    def __init__(self, faces: Faces, split: str, size_px: int, seed: int):
        self.faces, self.size_px = faces, size_px
        self.rng = np.random.default_rng(seed)
        # a talking head gives 75 near-equal frames: a few of them stand for the clip
        self.pool = np.array([i for i, person in enumerate(faces.people) if splits()[person] == split and faces.frames[i] % 10 in (-1 % 10, 0)])
        sharp = np.clip(faces.eye_distance_px[self.pool] / 40, 0.5, 3)
        self.odds = sharp / sharp.sum()
        self.forger = Forger(faces, self.pool, self.rng, load_autoencoder())

    def group(self, stage: dict) -> tuple[list[np.ndarray], list[np.ndarray], list[int], list[int]]:
        """JOURNEY_GROUP pairs (genuine, forged, genuine, ...), their masks, family numbers and face numbers."""
        indices = self.rng.choice(self.pool, JOURNEY_GROUP, p=self.odds)
        pictures, masks, families = [], [], []
        for index in indices:
            target, landmarks = self.face(int(index))
            strength = self.rng.uniform(*stage["strength"])
            family = self.forger.draw_family(tuple(stage["families"]))
            recipe = self.forger.forge(target, landmarks, family, strength, self.faces.people[index])
            forged = recipe.blended()
            pictures += [recipe.target, forged]
            changed = np.abs(forged.astype(np.float32) - recipe.target).mean(2)
            masks.append(small_mask(recipe.mask, changed))
            families.append(FAMILIES.index(family))
        journey = draw_journey(self.rng, stage["severity"] * self.rng.random() ** 0.5)
        travelled = travel(pictures, journey, self.rng, still=True)
        return [shrink(picture, self.size_px) for picture in travelled], masks, families, [int(i) for i in indices]

    def face(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A canvas and its landmarks, mirrored half of the time, moved a little as a landmark error would."""
        canvas, landmarks = np.array(self.faces.canvases[index]), self.faces.landmarks[index].copy()
        if self.rng.random() < 0.5:
            canvas = np.ascontiguousarray(canvas[:, ::-1])
            landmarks[:, 0] = canvas.shape[1] - 1 - landmarks[:, 0]
            landmarks = landmarks[[1, 0, 2, 4, 3]]
        if self.rng.random() < 0.5:
            canvas = nudge(canvas, self.rng, 0.35)  # the landmarks stay: masks are deformed by more than this
        return canvas, landmarks

    def shard(self, stage: dict, pairs: int) -> dict[str, np.ndarray]:
        pictures, masks, families, faces = [], [], [], []
        while len(masks) < pairs:
            for total, part in zip((pictures, masks, families, faces), self.group(stage)):
                total += part
        stacked = np.stack(pictures).reshape(-1, 2, self.size_px, self.size_px, 3)
        return {"pairs": stacked, "masks": np.stack(masks), "families": np.array(families, np.uint8), "faces": np.array(faces)}


def fill(config: dict, split: str, cache_dir: Path) -> None:
    faces, folder = Faces(cache_dir), cache_dir / "stills" / split
    folder.mkdir(parents=True, exist_ok=True)
    for number, (stage_name, index) in enumerate(plan(config, split)):
        path = folder / f"{stage_name}-{index:03d}.npz"
        if path.exists():
            continue
        started = time.time()
        seed = config["seed"] + 1000 * ("train", "validation", "test").index(split) + number
        torch.manual_seed(seed)
        maker = PairMaker(faces, split, config["size_px"], seed)
        shard = maker.shard(config["stage"][stage_name], config["pairs_per_shard"])
        np.save(path.with_suffix(".npy"), shard.pop("pairs"))
        partial = path.with_suffix(".part")
        with open(partial, "wb") as file:
            np.savez(file, **shard)
        os.replace(partial, path)
        print(f"{path.name}: {len(shard['masks'])} pairs, {len(shard['masks']) / (time.time() - started):.0f} pairs/s", flush=True)


def plan(config: dict, split: str) -> list[tuple[str, int]]:
    """Shards in the order they are wanted, round after round: easy ones first, then all stages by turns."""
    planned, made = [], {}
    for counts in config["shards"][split]:
        wanted = [(name, made.get(name, 0) + index) for name, count in counts.items() for index in range(count)]
        planned += sorted(wanted, key=lambda item: item[1] - made.get(item[0], 0) + config["stage"][item[0]]["starts_after_shards"])
        made = {name: made.get(name, 0) + counts.get(name, 0) for name in {**made, **counts}}
    return planned


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--split", choices=["train", "validation", "test"], required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    fill(read_config(arguments.config), arguments.split, arguments.cache)
