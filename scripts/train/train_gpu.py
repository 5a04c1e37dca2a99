"""Several variants of the frame model at once on a GPU: all learn from the same pairs, which the processor makes.

    python scripts/train/train_gpu.py --config scripts/train/configs/gpu.toml --minutes 9 --folder RUNS [--last]

A GPU learns faster than the processor beside it makes pairs; so several variants share every batch, and each batch is learnt
from twice, the second time mirrored. States in RUNS go on with the next call; `--last` lets the rates fall to zero over the
last third of the minutes. What comes back lies in RUNS/results: states (of variants whose matrices moved only the averaged
weights, in half precision and in pieces), curves and their last rows.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

from frame_pairs import StepPairs, steps_from
from frame_validation import Curve, answers, measures, pair_set
from learner import Learner
from settings import CACHE_DIR, FOUNDATIONS_DIR, HERE, read_config

REPEATS = 2
FALL_SHARE = 1 / 3
PIECE_BYTES = 15 * 2**20
REPORT_STEPS = 50


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
    if len({(c["preprocess"]["canvas_px"], json.dumps(c["pairs"])) for c in configs}) > 1:
        raise SystemExit("variants that share pairs must share [pairs] and the canvas")
    return configs


def train(learners: list[Learner], arguments: argparse.Namespace) -> None:
    sizes = tuple(sorted({learner.size_px for learner in learners}))
    batches = steps_from(learners[0].step // REPEATS, StepPairs(learners[0].config, arguments.cache, sizes), arguments.workers)
    first, started, steps, losses = next(batches), time.monotonic(), 0, {}
    batch, seconds = first, arguments.minutes * 60
    while (spent := time.monotonic() - started) < seconds and (arguments.steps is None or steps < arguments.steps):
        left = min(1.0, (1 - spent / seconds) / FALL_SHARE) if arguments.last else 1.0
        for repeat in range(REPEATS):
            seen = {name: tensor.flip(-1) for name, tensor in batch.items()} if repeat else batch
            losses = {learner.config["name"]: learner.learn(seen, left) for learner in learners}
        steps += 1
        if steps % REPORT_STEPS == 0:
            print(f"step {learners[0].step}, {steps * len(batch[f'masks-{sizes[0]}']) * 2 / spent:.0f} new img/s", losses, flush=True)
        batch = next(batches)


def bring_back(learner: Learner, folder: Path, results: Path, cache_dir: Path) -> None:
    name = learner.config["name"]
    learner.save(folder / f"{name}.safetensors")
    held = pair_set(learner.config, cache_dir)
    with learner.averaged() as network:
        row = {"step": learner.step, "pictures": learner.step * learner.config["pairs"]["count"] * 2,
               **measures(held, answers(network, held, learner.config["preprocess"], batch=64))}
    Curve(folder / f"{name}.csv").add(row)
    (results / f"{name}.json").write_text(json.dumps(row, indent=1) + "\n")
    print(name, json.dumps(row), flush=True)
    if learner.plan["moved"] == "norms":
        learner.save(results / f"{name}.safetensors", seconds=0)
        return
    save_file({f"average/{key}": tensor.detach().half().cpu().contiguous() for key, tensor in learner.average.items()}, folder / "half")
    data = (folder / "half").read_bytes()
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        (results / f"{name}.half.{number}").write_bytes(data[start : start + PIECE_BYTES])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=HERE / "configs/gpu.toml")
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--steps", type=int, help="at most so many batches, for a trial")
    parser.add_argument("--last", action="store_true")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--foundations", type=Path, default=FOUNDATIONS_DIR)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    chosen = parser.parse_args()
    results_folder = chosen.folder / "results"
    results_folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    all_learners = [Learner(config, torch.device(chosen.device), chosen.foundations) for config in variants(chosen.config)]
    for each in all_learners:
        if (chosen.folder / f"{each.config['name']}.safetensors").exists():
            each.load(chosen.folder / f"{each.config['name']}.safetensors")
    train(all_learners, chosen)
    for each in all_learners:
        bring_back(each, chosen.folder, results_folder, chosen.cache)
