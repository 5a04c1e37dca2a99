"""What each part of the recipe is worth: the same short training with one thing left out, on the same pictures.

    python scripts/train/ablate.py --config scripts/train/configs/sequence-s.toml --steps 400 --report ablation.md

Short runs rank the parts at the beginning of training, not at its end. Finished variants are kept and not run again.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import torch

from heads import SequenceTrainee
from loop import StillTraining
from networks import SequenceNetwork
from settings import CACHE_DIR, read_config


def no_teacher(config: dict) -> None:
    config["stills"] |= {"trust": 0.0, "feature_weight": 0.0}


def opinions_only(config: dict) -> None:
    config["stills"]["feature_weight"] = 0.0


def full_only(config: dict) -> None:
    config["stills"]["curriculum"] = [{"until": 1.0, "shares": {"full": 1.0}}]


def no_mask(config: dict) -> None:
    config["stills"]["mask_weight"] = 0.0


def one_family(config: dict) -> None:
    config["stills"]["families"] = ["self_blend"]


VARIANTS = {
    "the recipe": lambda config: None,
    "without the mask as a target": no_mask,
    "without easy pairs (everything hard from the start)": full_only,
    "self-blends only": one_family,
}
WITH_A_TEACHER = {
    "without the frame model as a teacher": no_teacher,
    "the teacher's opinion and map, not its features": opinions_only,
}


def run(name: str, config: dict, folder: Path) -> dict:
    result = folder / "result.json"
    if not result.exists():
        torch.manual_seed(config["seed"])
        trainee = SequenceTrainee(SequenceNetwork(config["architecture"]))
        training = StillTraining(trainee, config, folder)
        training.run()
        result.write_text(json.dumps(training.history[-1]))
    return json.loads(result.read_text())


def ablate(config: dict, steps: int, cache_dir: Path) -> str:
    lines = ["| variant | images | AUC, medium stills | AUC, hard stills |", "|---|---|---|---|"]
    is_taught = "trust" in config["stills"]
    for number, (name, change) in enumerate((VARIANTS | (WITH_A_TEACHER if is_taught else {})).items()):
        variant = copy.deepcopy(config)
        variant["stills"] |= {"steps": steps, "first_shards": 50, "steps_per_shard": steps, "validate_every": steps}
        if is_taught:
            variant["stills"]["steps_per_opinion"] = 1
        change(variant)
        row = run(name, variant, cache_dir / "runs" / f"{config['name']}-ablation" / f"{steps}-{number}")
        lines.append(f"| {name} | {row['images']} | {row['auc_medium']:.3f} | {row['auc_full']:.3f} |")
        print("\n".join(lines), flush=True)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = ablate(read_config(arguments.config), arguments.steps, arguments.cache)
    if arguments.report:
        arguments.report.write_text(text)
