"""A fixed set of pairs of unseen people, every family once clean and once compressed, and what a frame network makes of it."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from frame_pairs import open_maker
from manipulate import TRAINED_FAMILIES
from pairs import Stage, shrink, small_mask
from precision import autocast
from stills import normalise
from swap_autoencoder import load_swap_autoencoder

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

KINDS = ("clean", "compressed")
GROUP = 4  # pairs that share a journey
ALLOWED_ALARMS = 0.05
CLOSE_CROP = (.2, .3, .2, .1)  # cut away left, top, right and bottom, for the measure of closely cropped faces
INSIDE = 0.5  # of a cell must be forged for a maximum there to count as a hit


@dataclass
class PairSet:
    """Pairs [N, 2, S, S, 3] u8 (genuine, forged) with masks [N, side, side] u8, and of each pair family and kind of journey."""

    pairs: np.ndarray
    masks: np.ndarray
    families: np.ndarray
    kinds: np.ndarray


def pair_set(config: dict, cache_dir: Path, split: str = "validation", families: tuple[str, ...] = TRAINED_FAMILIES) -> PairSet:
    """Made once and kept in the cache under a digest of all it depends on."""
    plan, size = config["validation"], config["preprocess"]["size_px"]
    wanted = {"plan": {k: v for k, v in plan.items() if k != "every_steps"}, "preprocess": config["preprocess"], "split": split, "families": families}
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:12]
    path = cache_dir / "pair-sets" / f"{split}-{digest}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = make(config, cache_dir, split, families)
        side = size // config["architecture"]["patch_px"]
        with open(path.with_suffix(".part"), "wb") as file:
            np.savez(file, pairs=np.stack([np.stack([shrink(p.genuine, size), shrink(p.forged, size)]) for p in made]),
                     masks=np.stack([small_mask(p.mask, side) for p in made]),
                     families=np.array([p.family for p in made]), kinds=np.array([p.journey for p in made]))
        path.with_suffix(".part").replace(path)
    return PairSet(**np.load(path))


def make(config: dict, cache_dir: Path, split: str, families: tuple[str, ...]) -> list:
    plan, maker, made = config["validation"], open_maker(config, cache_dir, split), []
    if "autoencoder_swap" in families:
        maker.forger.held_out_redrawer = load_swap_autoencoder(cache_dir)
    for number, family in enumerate(families):
        for kind in KINDS:
            maker.use(np.random.default_rng([plan["seed"], number, KINDS.index(kind)]))
            stage = Stage(tuple(plan["strength"]), plan["severity"], (family,))
            for _ in range(plan["pairs"] // GROUP):
                made += maker.group(stage, GROUP, kind)
    return made


@dataclass
class Answers:
    """Logits [N, 2] of P(fake) (genuine, forged) and the mask logits [N, side * side] of the forged halves."""

    logits: np.ndarray
    masks: np.ndarray


@torch.no_grad()
def answers(network: torch.nn.Module, held: PairSet, preprocess: dict, batch: int = 16) -> Answers:
    device = next(network.parameters()).device
    logits, masks = [], []
    for part in torch.from_numpy(held.pairs).flatten(0, 1).permute(0, 3, 1, 2).split(2 * batch):
        with autocast(device):
            picture, mask = network(normalise(part.to(device), preprocess))
        logits.append(picture.float().cpu())
        masks.append(mask.float().cpu()[1::2])
    return Answers(torch.cat(logits).view(-1, 2).numpy(), torch.cat(masks).numpy())


def closely_cropped(held: PairSet) -> PairSet:
    """The same pairs as pictures that end close around the face."""
    size = held.pairs.shape[2]
    left, top, right, bottom = (round(share * size) for share in CLOSE_CROP)
    inside = held.pairs[:, :, top : size - bottom, left : size - right]
    mirrored = np.pad(inside, ((0, 0), (0, 0), (top, bottom), (left, right), (0, 0)), "reflect")
    return replace(held, pairs=mirrored)


def measures(held: PairSet, found: Answers) -> dict[str, float]:
    """AUC over all and by kind of journey (also across kinds: a clean forgery against a compressed genuine picture must not look
    genuine for its quality), by family, the share of genuine pictures above the 5 % point of all, and where the maps point."""
    clean = held.kinds == "clean"
    genuine, forged = found.logits.T
    row = {"auc": auc(forged, genuine), "auc_clean": auc(forged[clean], genuine[clean]), "auc_compressed": auc(forged[~clean], genuine[~clean]),
           "auc_clean_forged_vs_compressed_genuine": auc(forged[clean], genuine[~clean]),
           "auc_compressed_forged_vs_clean_genuine": auc(forged[~clean], genuine[clean])}
    for family in dict.fromkeys(held.families):
        mine = held.families == family
        row[f"auc_{family}"] = auc(forged[mine], genuine)
    limit = np.quantile(genuine, 1 - ALLOWED_ALARMS)
    row["alarms_clean"], row["alarms_compressed"] = float((genuine[clean] > limit).mean()), float((genuine[~clean] > limit).mean())
    row["found_at_5_percent"] = float((forged > limit).mean())
    for kind, chosen in (("clean", clean), ("compressed", ~clean)):
        row[f"pointing_{kind}"] = pointing(held.masks[chosen], found.masks[chosen])
    return {name: round(value, 4) for name, value in row.items()}


def auc(forged: np.ndarray, genuine: np.ndarray) -> float:
    return float(roc_auc_score(np.repeat([1, 0], [len(forged), len(genuine)]), np.concatenate([forged, genuine])))


def pointing(masks: np.ndarray, maps: np.ndarray) -> float:
    """The share of maps [N, cells] whose maximum lies in a forged cell of masks [N, side, side]; wholly forged pictures, where
    every point is right, and masks without one whole forged cell are left out."""
    cells = masks.reshape(len(masks), -1) / 255
    counted = (cells.min(1) < INSIDE) & (cells.max(1) >= INSIDE)
    hits = cells[np.arange(len(cells)), maps.argmax(1)] >= INSIDE
    return float(hits[counted].mean()) if counted.any() else float("nan")


class Curve:
    """The rows of a run so far: a CSV beside the state, and a picture of it."""

    def __init__(self, path: Path):
        self.path, self.rows = path, []
        if path.exists():
            with open(path, newline="") as file:
                self.rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    def add(self, row: dict[str, float]) -> None:
        """Rows at or after this step belong to a branch that was given up."""
        self.rows = [kept for kept in self.rows if kept["step"] < row["step"]] + [row]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n", extrasaction="ignore", restval="nan")
            writer.writeheader()
            writer.writerows(self.rows)
        self.draw()

    def draw(self) -> None:
        figure, panels = plt.subplots(1, 2, figsize=(13, 4.5))
        pictures = [row["pictures"] / 1000 for row in self.rows]
        families = [f"auc_{name}" for name in TRAINED_FAMILIES]
        general = [k for k in self.rows[-1] if k.startswith(("auc", "pointing")) and k not in families]
        for panel, keys in zip(panels, (general, families)):
            for key in keys:
                panel.plot(pictures, [row.get(key) for row in self.rows], marker=".", label=key.replace("_", " "))
            panel.set(xlabel="thousand pictures", ylabel="validation stills")
            panel.grid(alpha=0.3)
            panel.legend(fontsize=7)
        figure.tight_layout()
        figure.savefig(self.path.with_suffix(".png"), dpi=90)
        plt.close(figure)
