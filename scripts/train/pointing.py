"""Where the frame model's maps point: the pointing game on forgeries of people, and families, that training never saw.

    python scripts/train/pointing.py --models models --split validation --report pointing.md

Of every family pairs are made of the split's people (the held-out families too where the split is `test`), once clean and once
compressed. A hit is a map whose maximum lies in a cell that is at least half forged. Wholly redrawn pictures, where every
point is right, and masks smaller than a cell are not counted. Beside the shares stands what a guess would hit: the mean
forged share of the pictures counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from export import stored_network
from frame_validation import INSIDE, KINDS, answers, auc, pair_set, pointing
from manipulate import FAMILIES, TRAINED_FAMILIES
from settings import CACHE_DIR, HERE, MODELS_DIR, read_config

PAIRS = 40  # of a family and kind


def report(models_dir: Path, name: str, split: str, cache_dir: Path) -> str:
    config = read_config(HERE / f"configs/{name}.toml")
    config["validation"] |= {"pairs": PAIRS, "seed": config["validation"]["seed"] + 1}
    network, stated = stored_network(models_dir / name)
    held = pair_set(config, cache_dir, split, FAMILIES if split == "test" else TRAINED_FAMILIES)
    found = answers(network, held, stated["preprocess"])
    lines = ["| forgery | kind | pairs | AUC | maps counted | point at the forgery | a guess would |", "|---|---|---|---|---|---|---|"]
    for family in ["all", *dict.fromkeys(held.families)]:
        for kind in KINDS:
            mine = (held.kinds == kind) & ((held.families == family) | (family == "all"))
            cells = held.masks[mine].reshape(mine.sum(), -1) / 255
            counted = (cells.min(1) < INSIDE) & (cells.max(1) >= INSIDE)
            chance = (cells[counted] >= INSIDE).mean() if counted.any() else float("nan")
            genuine, forged = found.logits[mine].T
            lines.append(f"| {family} | {kind} | {mine.sum()} | {auc(forged, genuine):.3f} | {counted.sum()} | "
                         f"{pointing(held.masks[mine], found.masks[mine]):.2f} | {chance:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--name", default="frame-dino-s")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = report(arguments.models, arguments.name, arguments.split, arguments.cache)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
