"""Whether the frame model's maps are true to its opinion: taking away what a map marks must change the score faster than chance.

    python scripts/train/faithfulness.py --models models --report faithfulness.md

Forgeries of validation people, once clean and once compressed. Of each picture a share of the patches is left out (the network
learned on pictures with half of them missing, so that a gap is nothing new to it): those the map marks most, those it marks least,
or patches drawn at random. The table says how far the logit of P(fake) falls on average. In brackets 95 % bootstrap intervals over pictures
of how much further it falls than with patches drawn at random. Only pictures that are called more likely forged than not count:
there is no opinion to explain where there is none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from export import stored_network
from frame_validation import KINDS, PairSet, pair_set
from settings import CACHE_DIR, HERE, MODELS_DIR, read_config
from stills import normalise

SHARES = (0.05, 0.1, 0.2, 0.4)
RANDOM_ORDERS = 2
BATCH = 16
DRAWS = 2000


@torch.no_grad()
def falls(network: torch.nn.Module, pictures: torch.Tensor, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """How far the logit falls, [N, shares] by order of deletion; of normalised pictures [N, 3, S, S] that are called forged."""
    found: dict[str, list[np.ndarray]] = {"marked most": [], "marked least": [], "at random": []}
    for part in pictures.split(BATCH):
        whole, maps = network(part)
        called = whole > 0
        if not called.any():
            continue
        part, whole, marks = part[called], whole[called], maps[called].argsort(1, descending=True)
        found["marked most"].append(after(network, part, whole, marks))
        found["marked least"].append(after(network, part, whole, marks.flip(1)))
        drawn = [torch.from_numpy(rng.random(marks.shape).argsort(1)) for _ in range(RANDOM_ORDERS)]
        found["at random"].append(np.mean([after(network, part, whole, order) for order in drawn], 0))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def after(network: torch.nn.Module, pictures: torch.Tensor, whole: torch.Tensor, order: torch.Tensor) -> np.ndarray:
    """[N, shares]: the logit with all patches less that without the first ones of `order` [N, patches]."""
    gone = [round(share * order.shape[1]) for share in SHARES]
    return np.stack([(whole - network(pictures, order[:, count:].sort(1).values)[0]).numpy() for count in gone], 1)


def further(falls_of: dict[str, np.ndarray], rng: np.random.Generator) -> list[str]:
    """How much further the logit falls where the map marks most than at random, a cell a share."""
    difference = falls_of["marked most"] - falls_of["at random"]
    draws = difference[rng.integers(0, len(difference), (DRAWS, len(difference)))].mean(1)
    low, high = np.quantile(draws, [0.025, 0.975], 0)
    return [f"{mean:+.2f} ({l:+.2f} to {h:+.2f})" for mean, l, h in zip(difference.mean(0), low, high)]


def report(folder: Path, config: dict, cache_dir: Path) -> str:
    network, stated = stored_network(folder)
    held: PairSet = pair_set(config, cache_dir)
    lines = ["| kind | left out | " + " | ".join(f"{share:.0%} of the patches" for share in SHARES) + " |", "|---|---|" + "---|" * len(SHARES)]
    rng = np.random.default_rng(config["validation"]["seed"])
    for kind in KINDS:
        forged = torch.from_numpy(held.pairs[held.kinds == kind, 1]).permute(0, 3, 1, 2)
        fallen = falls(network, normalise(forged, stated["preprocess"]), rng)
        named = f"{kind} ({len(fallen['at random'])} of {len(forged)})"
        lines += [f"| {named} | {order} | " + " | ".join(f"{fall:.2f}" for fall in mean) + " |"
                  for order, mean in ((name, rows.mean(0)) for name, rows in fallen.items())]
        lines.append(f"| {named} | most, less random | " + " | ".join(further(fallen, rng)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--name", default="frame-dino-s")
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    text = report(arguments.models / arguments.name, read_config(HERE / f"configs/{arguments.name}.toml"), arguments.cache)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
