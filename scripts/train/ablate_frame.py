"""What each choice for the frame model is worth: short runs that differ in one thing, on the same pairs where they can be.

    python scripts/train/ablate_frame.py --config scripts/train/configs/frame-dino-s.toml --minutes 10 --report ablation.md
    python scripts/train/ablate_frame.py --config … --minutes 10 --only "the recipe" "all layers"

Every variant gets the same minutes of learning (validation and pauses apart), then a short fall of its rate, so that a costly
choice has to pay for itself. Curves and states lie in <cache>/runs/<name>-ablation; what is finished is not run again, and what was stopped goes on.
Variants that see other pictures (share of sharp faces, input size) are measured on the same validation pairs at their size.
Short runs rank the choices at the beginning of training, not at its end.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from collections.abc import Callable
from pathlib import Path

import torch

from settings import read_config
from train_frame import Run, name_machine, train

DECAY_SHARE = 0.25  # of the minutes
COLUMNS = ("auc", "auc_clean", "auc_compressed", "auc_clean_forged_vs_compressed_genuine", "pointing_clean")


def change(table: str, **values: object) -> Callable[[dict], None]:
    return lambda config: config[table].update(values)


def sized(size_px: int, canvas_px: int) -> Callable[[dict], None]:
    def resize(config: dict) -> None:
        config["architecture"]["image_px"] = size_px
        config["preprocess"] |= {"size_px": size_px, "canvas_px": canvas_px}

    return resize


VARIANTS: dict[str, Callable[[dict], None]] = {
    "the recipe": lambda config: None,
    "all patches in every step": change("training", kept_patches=1.0),
    "a quarter of the patches": change("training", kept_patches=0.25),
    "norms only": change("training", moved="norms"),
    "factors of rank 8": change("training", rank=8),
    "families as often as by default": change("pairs", shares={}),
    "all layers": change("training", moved="all"),
    "normalised head": change("architecture", head="normalised"),
    "D3 head": change("architecture", head="d3"),
    "without the mask as a target": change("training", mask_weight=0.0),
    "sharp faces as often as they are": change("pairs", sharp_share=None),
    "half of the draws sharp": change("pairs", sharp_share=0.5),
    "224 px": sized(224, 256),
    "336 px of a larger canvas": sized(336, 448),
    "392 px of a larger canvas": sized(392, 448),
}


def run(name: str, config: dict, arguments: argparse.Namespace) -> dict:
    folder = arguments.cache / "runs" / f"{config['name']}-ablation" / re.sub(r"\W+", "-", f"{name} {arguments.minutes:g}")
    result = folder / "result.json"
    if not result.exists():
        arguments.state = folder / "state.safetensors"
        begins = not arguments.state.exists()
        current = Run(config, arguments)
        if begins:  # what it may have grown from has its own time
            current.seconds = 0.0
        until = arguments.minutes * 60
        train(current, (until * (1 - DECAY_SHARE) - current.seconds) / 60, None)
        if current.stopped:
            raise SystemExit("stopped; the same command goes on")
        row = fall(current, until)
        result.write_text(json.dumps(row, indent=1) + "\n")
    return json.loads(result.read_text())


def fall(current: Run, until: float) -> dict:
    """The rate falls with the time that is left; then a last validation."""
    batches, began = current.batches(), current.seconds
    while current.seconds < until:
        current.one_step(batches, left_share=(until - current.seconds) / (until - began))
    return current.validate()


def ablate(config: dict, arguments: argparse.Namespace) -> str:
    lines = ["| variant | pictures | " + " | ".join(name.replace("_", " ") for name in COLUMNS) + " |", "|---|---|" + "---|" * len(COLUMNS)]
    for name in arguments.only or VARIANTS:
        variant = copy.deepcopy(config)
        VARIANTS[name](variant)
        variant["validation"]["every_steps"] = 10**9
        row = run(name, variant, arguments)
        lines.append(f"| {name} | {row['pictures']:.0f} | " + " | ".join(f"{row[column]:.3f}" for column in COLUMNS) + " |")
        print("\n".join(lines), flush=True)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS))
    parser.add_argument("--report", type=Path)
    parser.add_argument("--grow-from", type=Path, help="every variant goes on from this state instead of the foundation")
    name_machine(parser)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    text = ablate(read_config(chosen.config), chosen)
    if chosen.report:
        chosen.report.write_text(text)
