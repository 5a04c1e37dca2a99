"""Pairs of stills made ahead of training: a genuine face and its forgery after the same journey.

    python scripts/train/still_pool.py --config scripts/train/configs/pool.toml --split train

Shards appear one by one under <cache>/stills/<split>; training starts on the first and takes in later ones as they come
(fill the pool first for a repeatable run). Stages go from coarse forgeries in clean pictures to subtle ones in bad ones.
A shard is <stage>-<n>.npy, pairs u8 [N, 2, S, S, 3] RGB (genuine, forged), and then <stage>-<n>.npz with `masks` u8
[N, 16, 16] (0..255), `families` [N] and `faces` [N]. With `--canvases` <stage>-<n>.canvases.npy holds the same pairs at the canvas's own
size, for `teacher.py`, which removes it again.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from faces import Faces
from manipulate import FAMILIES, SHARES
from pairs import Pair, PairMaker, Stage, shrink, small_mask
from redrawers import load_redrawers
from settings import CACHE_DIR, read_config

MASK_PX = 16
JOURNEY_GROUP = 16  # pairs that share a journey (and one encoder process)
CLEAN_SHARE = 0.2  # of groups: good phone pictures at every stage


def shard(maker: PairMaker, stage: Stage, pairs: int, size_px: int) -> dict[str, np.ndarray]:
    made: list[Pair] = []
    while len(made) < pairs:
        made += maker.group(stage, JOURNEY_GROUP, "clean" if maker.rng.random() < CLEAN_SHARE else "any")
    return {
        "canvases": np.stack([np.stack([pair.genuine, pair.forged]) for pair in made]),
        "pairs": np.stack([np.stack([shrink(pair.genuine, size_px), shrink(pair.forged, size_px)]) for pair in made]),
        "masks": np.stack([small_mask(pair.mask, MASK_PX) for pair in made]),
        "families": np.array([FAMILIES.index(pair.family) for pair in made], np.uint8),
        "faces": np.array([pair.face for pair in made]),
    }


def stage_of(config: dict, name: str) -> Stage:
    plan = config["stage"][name]
    return Stage(tuple(plan["strength"]), plan["severity"], tuple(plan["families"]), SHARES | config["shares"])


def fill(config: dict, split: str, cache_dir: Path, keeps_canvases: bool) -> None:
    faces, redrawers, folder = Faces(cache_dir), load_redrawers(cache_dir), cache_dir / "stills" / split
    folder.mkdir(parents=True, exist_ok=True)
    for number, (stage_name, index) in enumerate(plan(config, split)):
        path = folder / f"{stage_name}-{index:03d}.npz"
        if path.exists():
            continue
        started = time.time()
        seed = config["seed"] + 1000 * ("train", "validation", "test").index(split) + number
        maker = PairMaker(faces, split, np.random.default_rng(seed), redrawers)
        maker.odds = faces.odds(maker.pool, config["sharp_share"], config["source_weights"])
        maker.close_crop_share = config["close_crop_share"]
        made = shard(maker, stage_of(config, stage_name), config["pairs_per_shard"], config["size_px"])
        canvases = made.pop("canvases")
        if keeps_canvases:
            np.save(path.with_suffix(".canvases.npy"), canvases)
        np.save(path.with_suffix(".npy"), made.pop("pairs"))
        partial = path.with_suffix(".part")
        with open(partial, "wb") as file:
            np.savez(file, **made)
        os.replace(partial, path)
        print(f"{path.name}: {len(made['masks'])} pairs, {len(made['masks']) / (time.time() - started):.0f} pairs/s", flush=True)


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
    parser.add_argument("--canvases", action="store_true")
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    fill(read_config(arguments.config), arguments.split, arguments.cache, arguments.canvases)
