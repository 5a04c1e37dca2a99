"""Does a data set's own look give the label away? Linear probes, for the model card.

    python scripts/train/source_probe.py --config scripts/train/configs/sequence-s.toml --models models --report probe.md
    python scripts/train/source_probe.py --config scripts/train/configs/frame-dino-s.toml --models models --report probe.md

On stills of the pool; for the frame model, which has none, on pairs made as its training makes them (training and validation people together, split anew by person into five folds, every person scored by a
probe that did not see them):

1. source from features: which data set a genuine still comes from (lfw, us_congress, london, grid), from the backbone's pooled
   features of unit length. High is to be expected - a portrait studio looks unlike a press photo - and harmless only if 2 holds.
2. label from source: genuine or forged, from the data set alone (one-hot), measured on the pool's own records. Pairs share
   their source, so this must be chance; anything else is a leak.
3. label from quality: genuine or forged, from statistics of the still after its journey that know nothing of faces: sharpness
   (variance of the Laplacian), blockiness (steps across the 8-px grid against steps beside it), mean luminance, noise.
4. label from features: what the backbone's features give a linear probe, for comparison.

Intervals are percentile bootstraps over people (500 draws). Chance is 50 % or AUC 0.5 for the label; for the source it is
25 % of balanced accuracy.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from export import stored_network
from faces import Faces
from familiarity import Backbone
from frame_pairs import open_maker, stage_of
from pairs import shrink
from settings import CACHE_DIR, MODELS_DIR, read_config
from stills import normalise

PAIRS, FOLDS, DRAWS, SEED = 1024, 5, 500, 422
MADE_GROUP = 4  # pairs that share a journey
PER_SOURCE = 256  # at least, so that the rare sources can be probed too
SOURCES = {"lfw": "lfw", "us_congress": "us_congress", "london": "london", "portraits_hd": "portraits_hd", "grid_video": "grid"}
QUALITY = ("sharpness", "blockiness", "mean luminance", "noise")


@dataclass
class Stills:
    """Pairs of the pool, genuine first: u8 [N, 2, S, S, 3], and of each pair its source and person."""

    pairs: np.ndarray
    sources: np.ndarray
    people: np.ndarray


def read_stills(cache_dir: Path, rng: np.random.Generator) -> tuple[Stills, dict[str, int]]:
    """A sample of the pool's records, and how many records of each source there are in all."""
    faces = Faces(cache_dir)
    shards = [path for split in ("train", "validation") for path in sorted((cache_dir / "stills" / split).glob("*-[0-9][0-9][0-9].npz"))]
    records = [(path, row, face) for path in shards for row, face in enumerate(np.load(path)["faces"])]
    source_of = np.array([SOURCES[faces.paths[face].split("/")[1]] for _, _, face in records])
    counts = {source: int((source_of == source).sum()) for source in SOURCES.values()}
    of_each = [rng.choice(np.flatnonzero(source_of == source), min(count, PER_SOURCE), replace=False) for source, count in counts.items()]
    chosen = np.unique(np.concatenate([rng.choice(len(records), PAIRS, replace=False), *of_each]))
    loaded: dict[Path, np.ndarray] = {}
    pairs = []
    for path, row, _ in (records[i] for i in chosen):
        shard = loaded.setdefault(path, np.load(path.with_suffix(".npy"), mmap_mode="r"))
        pairs.append(np.array(shard[row]))
    people = np.array([faces.people[records[i][2]] for i in chosen])
    return Stills(np.stack(pairs), source_of[chosen], people), counts


def made_stills(config: dict, cache_dir: Path) -> tuple[Stills, dict[str, int]]:
    """Pairs as the frame model's training sees them at its hardest stage, of both parts."""
    pairs, sources, people = [], [], []
    size, journeys = config["preprocess"]["size_px"], config["pairs"]["journeys"]
    for number, split in enumerate(("train", "validation")):
        maker = open_maker(config, cache_dir, split)
        maker.use(np.random.default_rng([SEED, number]))
        for group in range(PAIRS // 2 // MADE_GROUP):
            for pair in maker.group(stage_of(config, "full"), MADE_GROUP, journeys[group % len(journeys)]):
                pairs.append(np.stack([shrink(pair.genuine, size), shrink(pair.forged, size)]))
                sources.append(str(maker.faces.sources[pair.face]))
                people.append(maker.faces.people[pair.face])
    return Stills(np.stack(pairs), np.array(sources), np.array(people)), {name: sources.count(name) for name in dict.fromkeys(sources)}


def frame_features(pairs: np.ndarray, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The frame model's pooled features [N, 768] of the genuine and the forged halves."""
    network, stated = stored_network(folder)
    found = []
    with torch.no_grad():
        for part in torch.from_numpy(pairs).flatten(0, 1).permute(0, 3, 1, 2).split(16):
            found.append(network.pooled(network.tokens(normalise(part, stated["preprocess"]))))
    both = torch.cat(found).view(len(pairs), 2, -1).numpy()
    return both[:, 0], both[:, 1]


def quality(picture: np.ndarray) -> list[float]:
    """The four statistics of RGB u8 [S, S, 3]."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    steps = np.abs(np.diff(grey, axis=1)).mean(0)
    on_grid = steps[7::8].mean()
    beside = np.delete(steps, np.arange(7, len(steps), 8)).mean()
    noise = np.abs(grey - cv2.medianBlur(grey, 3)).mean()
    return [float(np.log1p(laplacian.var())), float(on_grid / max(beside, 1e-3)), float(grey.mean()), float(noise)]


def held_out(inputs: np.ndarray, labels: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Class probabilities [N, classes] of every sample, by a probe that saw no picture of its person."""
    found = np.zeros((len(labels), len(np.unique(labels))))
    for train, test in GroupKFold(FOLDS).split(inputs, labels, people):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500, class_weight="balanced"))
        found[test] = probe.fit(inputs[train], labels[train]).predict_proba(inputs[test])
    return found


def interval(measure, people: np.ndarray) -> tuple[float, float, float]:
    """`measure(indices)` over everything, and its 2.5th and 97.5th percentile over resampled people."""
    rng = np.random.default_rng(SEED)
    names, numbers = np.unique(people, return_inverse=True)
    members = [np.flatnonzero(numbers == i) for i in range(len(names))]
    drawn = [measure(np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])) for _ in range(DRAWS)]
    return measure(np.arange(len(people))), *np.percentile(drawn, [2.5, 97.5])


def source_from_features(features: np.ndarray, stills: Stills) -> str:
    names = np.unique(stills.sources)
    called = names[held_out(features, stills.sources, stills.people).argmax(1)]
    score = interval(lambda i: balanced_accuracy_score(stills.sources[i], called[i]), stills.people)
    return "{:.1f} % ({:.1f}-{:.1f}) balanced accuracy of {} sources".format(*(100 * s for s in score), len(names))


def label_from(inputs: np.ndarray, stills: Stills) -> str:
    """`inputs` [2 N, F], the genuine half first."""
    labels, people = np.repeat([0, 1], len(stills.people)), np.tile(stills.people, 2)
    scores = held_out(inputs, labels, people)[:, 1]
    score = interval(lambda i: roc_auc_score(labels[i], scores[i]), people)
    return "AUC {:.3f} ({:.3f}-{:.3f})".format(*score)


def run(config: dict, models_dir: Path, cache_dir: Path) -> str:
    if config["kind"] == "frame":
        stills, counts = made_stills(config, cache_dir)
        genuine, forged = frame_features(stills.pairs, models_dir / config["name"])
    else:
        stills, counts = read_stills(cache_dir, np.random.default_rng(SEED))
        backbone = Backbone(models_dir / config["name"])
        genuine, forged = (backbone.tracks(stills.pairs[:, half][:, None])[-1].numpy() for half in (0, 1))
    statistics = np.array([quality(picture) for half in (0, 1) for picture in stills.pairs[:, half]])
    one_hot = np.tile(stills.sources[:, None] == np.array(list(counts))[None], (2, 1)).astype(float)
    rows = {
        "source from the backbone's features (genuine stills)": source_from_features(genuine, stills),
        "label from the source alone": label_from(one_hot, stills),
        "label from quality alone (" + ", ".join(QUALITY) + ")": label_from(statistics, stills),
        **{f"label from {name} alone": label_from(statistics[:, [i]], stills) for i, name in enumerate(QUALITY)},
        "label from the backbone's features": label_from(np.concatenate([genuine, forged]), stills),
    }
    records = ", ".join(f"{source} {count}" for source, count in counts.items())
    sample = ", ".join(f"{source} {(stills.sources == source).sum()}" for source in counts)
    lines = [f"Pairs in the pool: {records}, each one genuine and one forged. Probed: {sample} pairs of {len(np.unique(stills.people))} people.",
             "", "| probe | held-out people (95 % interval) |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    text = run(read_config(arguments.config), arguments.models, arguments.cache)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
