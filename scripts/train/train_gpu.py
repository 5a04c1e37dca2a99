"""Several variants of the frame model at once on a GPU: all learn from one pool of pairs, which the processor makes.

    python scripts/train/train_gpu.py --config scripts/train/configs/gpu.toml --minutes 19 --folder RUNS

A GPU learns faster than the processor beside it makes pairs; so the newest pairs stay on the GPU, every step of every variant
draws from them at random and mirrors half of them, and a pair is seen a few times, with others between. Variants go on from the committed state (`grow_from`); over the last part of the minutes the rates fall to zero. RUNS/results holds at
any time what a call may bring back: averaged weights, and a state of before the fall without moments, in half precision (`grow_from` goes on from it).
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from frame_pairs import StepPairs, steps_from
from frame_validation import Curve, PairSet, answers, measures, pair_set
from learner import Learner
from manipulate import SHARES
from settings import CACHE_DIR, FOUNDATIONS_DIR, HERE, STATE_DIR, read_config

FALL_SHARE = 0.4
FIRST_PAIRS = 1024  # in the pool before the first step
REPORT_SECONDS, SAVE_SECONDS = 20, 90
FIRST_STEP = 1_000_000  # of the pairs: none of the processor's runs came so far


def variants(path: Path) -> list[dict]:
    """The configurations of a file that names a base, what all change in it, and what each changes further."""
    plan = read_config(path)
    configs = []
    for entry in plan["variant"]:
        config = copy.deepcopy(read_config(HERE / "configs" / plan["base"]))
        for changes in (plan["all"], entry):
            for name, value in changes.items():
                config[name] = config[name] | value if isinstance(value, dict) else value
        configs.append(config)
    if len({json.dumps([c["preprocess"], c["pairs"]]) for c in configs}) > 1:
        raise SystemExit("variants that share pairs must share [pairs] and [preprocess]")
    return configs


class PairPool:
    """The newest pairs, on the GPU: a thread puts them in, learners draw from them."""

    def __init__(self, capacity: int, size_px: int, patch_px: int, device: torch.device):
        side = size_px // patch_px
        self.size_px, self.capacity, self.made = size_px, capacity, 0
        self.images = torch.empty((capacity, 2, 3, size_px, size_px), dtype=torch.uint8, device=device)
        self.masks = torch.empty((capacity, side, side), dtype=torch.uint8, device=device)
        self.families = np.empty(capacity, np.int64)

    def put(self, batch: dict[str, torch.Tensor]) -> None:
        """A batch of StepPairs, over the oldest."""
        families = batch["families"].numpy()
        places = (self.made + np.arange(len(families))) % self.capacity
        index = torch.from_numpy(places).to(self.images.device)
        halves = batch[f"images-{self.size_px}"].unflatten(0, (2, -1)).transpose(0, 1)
        self.images[index] = halves.to(self.images.device)
        self.masks[index] = batch[f"masks-{self.size_px}"].to(self.masks.device)
        self.families[places] = families
        self.made += len(families)

    def draw(self, count: int, rng: np.random.Generator, without: list[str]) -> dict[str, torch.Tensor]:
        """A batch as learners take it, half of it mirrored, without pairs of some families."""
        families = self.families[: min(self.made, self.capacity)]
        allowed = np.flatnonzero(~np.isin(families, [list(SHARES).index(name) for name in without]))
        chosen = torch.from_numpy(rng.choice(allowed, count)).to(self.images.device)
        images, masks = self.images[chosen], self.masks[chosen]
        images[: count // 2], masks[: count // 2] = images[: count // 2].flip(-1), masks[: count // 2].flip(-1)
        return {f"images-{self.size_px}": images.transpose(0, 1).flatten(0, 1), f"masks-{self.size_px}": masks}


def fill(pool: PairPool, config: dict, arguments: argparse.Namespace) -> None:
    """Put in what the workers make, for ever."""
    for batch in steps_from(FIRST_STEP, StepPairs(config, arguments.cache, (pool.size_px,)), arguments.workers):
        pool.put(batch)


def train(learners: list[Learner], pool: PairPool, arguments: argparse.Namespace) -> None:
    while pool.made < min(FIRST_PAIRS, pool.capacity):
        time.sleep(0.5)
    started = reported = saved = time.monotonic()
    made_before = pool.made
    seconds, rng, is_falling = arguments.minutes * 60, np.random.default_rng(9), False
    while (spent := time.monotonic() - started) < seconds:
        left = min(1.0, (1 - spent / seconds) / FALL_SHARE)
        if left < 1 and not is_falling:
            is_falling = True
            bring_back(learners, arguments, "before")
        losses = {}
        for learner in learners:
            batch = pool.draw(learner.plan["pairs"], rng, learner.plan.get("without", []))
            losses[learner.config["name"]] = learner.learn(batch, left)
        now = time.monotonic()
        if now - reported > REPORT_SECONDS:
            reported = now
            print(f"{spent:.0f} s, step {learners[0].step}, {pool.made} pairs ({2 * (pool.made - made_before) / spent:.0f} img/s)", json.dumps(losses), flush=True)
        if now - saved > SAVE_SECONDS:
            saved = now
            bring_back(learners, arguments, "average")
    bring_back(learners, arguments, "average")


def bring_back(learners: list[Learner], arguments: argparse.Namespace, what: str) -> None:
    """The averaged weights in whole, or what to go on from in half precision."""
    parts, kind = {"average": (("average",), torch.float32), "before": (("moved", "average"), torch.float16)}[what]
    for learner in learners:
        learner.save(arguments.folder / "results" / f"{learner.config['name']}.{what}.safetensors", parts, kind, seconds=0)


def validate(learner: Learner, arguments: argparse.Namespace) -> None:
    name, held = learner.config["name"], held_pairs(learner.config, arguments.cache)
    with learner.averaged() as network:
        row = {"step": learner.step, "pictures": learner.step * learner.plan["pairs"] * 2,
               **measures(held, answers(network, held, learner.config["preprocess"], batch=64))}
    Curve(arguments.folder / f"{name}.csv").add(row)
    (arguments.folder / "results" / f"{name}.json").write_text(json.dumps(row, indent=1) + "\n")
    print(name, json.dumps(row), flush=True)


def held_pairs(config: dict, cache_dir: Path) -> PairSet:
    """Made by a process of its own, which must not take the cores of those that make pairs to learn from."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return pair_set(config, cache_dir, families=tuple(config["pairs"]["families"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=HERE / "configs/gpu.toml")
    parser.add_argument("--minutes", type=float, default=19)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--foundations", type=Path, default=FOUNDATIONS_DIR)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 3))
    parser.add_argument("--pool", type=int, default=40_000, help="pairs that stay on the GPU (.7 MB each at 336 px)")
    chosen = parser.parse_args()
    (chosen.folder / "results").mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    configs = variants(chosen.config)
    first = configs[0]
    shared = PairPool(chosen.pool, first["preprocess"]["size_px"], first["architecture"]["patch_px"], torch.device(chosen.device))
    threading.Thread(target=fill, args=(shared, first, chosen), daemon=True).start()
    validation = multiprocessing.get_context("spawn").Process(target=held_pairs, args=(first, chosen.cache), daemon=True)
    validation.start()
    all_learners = [Learner(config, torch.device(chosen.device), chosen.foundations) for config in configs]
    for each in all_learners:
        each.grow_from(STATE_DIR / each.config["grow_from"])
        each.plan["average_keep"] = each.plan["average_keep_on_gpu"]
    train(all_learners, shared, chosen)
    validation.join()
    for each in all_learners:
        validate(each, chosen)
    (chosen.folder / "results/done").touch()
    os._exit(0)  # the workers make pairs for ever
