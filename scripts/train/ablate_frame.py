"""What each choice for the frame model is worth: short runs that differ in one thing, on the same pairs where they can be.

    python scripts/train/ablate_frame.py --config scripts/train/configs/frame-dino-s.toml --minutes 10 --report ablation.md
    python scripts/train/ablate_frame.py --config … --minutes 10 --size-px 224 --only "the recipe" "all layers"

Every variant gets the same minutes of learning (validation and pauses apart), the last quarter with a falling rate, so that a costly
choice has to pay for itself. Curves and states lie in <cache>/runs/<name>-ablation; what is finished is not run again, and what was stopped goes on.
Variants that see other pictures (share of sharp faces, input size) are measured on the same validation pairs at their size.
The last column is the AUC less the recipe's, with a 95 % interval from drawing the same pairs of both again and again; another seed of the same
recipe would differ too, which the interval does not know ("the recipe, another seed" shows it).
Short runs rank the choices at the beginning of training, not at its end. `--size-px` is for machines on which few pictures fit into the minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from frame_validation import answers, measures, pair_set
from settings import read_config
from train_frame import Run, name_machine, train

DECAY_SHARE = 0.25  # of the minutes
REDRAWS = 2000
RECIPE = "the recipe"
COLUMNS = ("auc", "auc_clean", "auc_compressed", "auc_clean_forged_vs_compressed_genuine", "pointing_clean")


def change(table: str, **values: object) -> Callable[[dict], None]:
    return lambda config: config[table].update(values)


def sized(size_px: int, canvas_px: int) -> Callable[[dict], None]:
    def resize(config: dict) -> None:
        config["architecture"]["image_px"] = size_px
        config["preprocess"] |= {"size_px": size_px, "canvas_px": canvas_px}

    return resize


VARIANTS: dict[str, Callable[[dict], None]] = {
    RECIPE: lambda config: None,
    "the recipe, another seed": lambda config: config.update(seed=config["seed"] + 1),
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
    "20 x 18 patches around the face": change("architecture", field=[4, 3, 20, 18]),
    "22 x 20 patches around the face": change("architecture", field=[2, 2, 22, 20]),
    "336 px of a larger canvas": sized(336, 448),
    "392 px of a larger canvas": sized(392, 448),
}


def run(name: str, config: dict, arguments: argparse.Namespace) -> tuple[dict, np.ndarray]:
    """The measures of a variant and its logits [pairs, 2] (genuine, forged), from an earlier run where there was one."""
    folder = arguments.cache / "runs" / f"{config['name']}-ablation" / re.sub(r"\W+", "-", f"{name} {arguments.size_px or ''} {arguments.minutes:g}")
    result, logits = folder / "result.json", folder / "logits.npy"
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
        fall(current, until)
        row, found = judge(current)
        np.save(logits, found)
        result.write_text(json.dumps(row, indent=1) + "\n")
    return json.loads(result.read_text()), np.load(logits)


def fall(current: Run, until: float) -> None:
    """The rate falls with the time that is left, and the average follows closely."""
    batches, began = current.batches(), current.seconds
    current.learner.plan["average_keep"] = current.learner.plan["average_keep_at_the_end"]
    while current.seconds < until:
        current.one_step(batches, left_share=(until - current.seconds) / (until - began))


def judge(current: Run) -> tuple[dict, np.ndarray]:
    held = pair_set(current.config, current.arguments.cache)
    with current.learner.averaged() as network:
        found = answers(network, held, current.config["preprocess"])
    return {"pictures": 2 * current.config["pairs"]["count"] * current.learner.step} | measures(held, found), found.logits


def difference(logits: np.ndarray, recipe: np.ndarray) -> str:
    """AUC less the recipe's on the same pairs, with its 95 % interval over redrawn pairs."""
    more, pairs = wins(logits) - wins(recipe), len(recipe)
    draws = np.random.default_rng(0).multinomial(pairs, np.full(pairs, 1 / pairs), REDRAWS)  # how often each pair
    low, high = np.quantile(((draws @ more) * draws).sum(1) / pairs**2, (0.025, 0.975))
    return f"{more.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def wins(logits: np.ndarray) -> np.ndarray:
    """[genuine, forged]: whether a forgery stands above a genuine picture, whose mean is the AUC."""
    genuine, forged = logits.T[:, :, None]
    return (forged.T > genuine) + 0.5 * (forged.T == genuine)


def ablate(config: dict, arguments: argparse.Namespace) -> str:
    lines = ["| variant | pictures | " + " | ".join(name.replace("_", " ") for name in COLUMNS) + " | less the recipe |", "|---|---|" + "---|" * (len(COLUMNS) + 1)]
    if arguments.size_px:
        sized(arguments.size_px, config["preprocess"]["canvas_px"])(config)
    config["validation"] |= {"every_steps": 10**9, "pairs": arguments.pairs}
    recipe = None
    for name in dict.fromkeys([RECIPE, *(arguments.only or VARIANTS)]):
        variant = copy.deepcopy(config)
        VARIANTS[name](variant)
        row, logits = run(name, variant, arguments)
        recipe = logits if recipe is None else recipe
        compared = "" if name == RECIPE else difference(logits, recipe)
        lines.append(f"| {name} | {row['pictures']:.0f} | " + " | ".join(f"{row[column]:.3f}" for column in COLUMNS) + f" | {compared} |")
        print("\n".join(lines), flush=True)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), help="beside the recipe")
    parser.add_argument("--size-px", type=int, help="input size of every variant that does not change it")
    parser.add_argument("--pairs", type=int, default=40, help="validation pairs of every family and kind of journey")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--grow-from", type=Path, help="every variant goes on from this state instead of the foundation")
    name_machine(parser)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    text = ablate(read_config(chosen.config), chosen)
    if chosen.report:
        chosen.report.write_text(text)
