"""Score videos with the exported bundle and report AUC with 95 % intervals.

    python scripts/train/evaluate.py --models models --videos validation
    python scripts/train/evaluate.py --models models --videos test --report test.md      # once, at the very end
    python scripts/train/evaluate.py --models models --groups ../shared/data/eval/utkface --report groups.md

Protocol: 32 frames a video. The sequence model sees them as one track; the frame model's score is the mean of its logits of
`--frames` of them, evenly spread (DeepfakeBench scores all 32; `frames_per_video.py` says what fewer cost). Some frames are scored once more, each alone, as a picture is served: `stills`. Intervals are
percentile bootstraps over people (2000 draws), because the videos of a person are not independent. Scores are kept in
<cache>/scores so that `calibrate.py` does not run the networks again.
"""

from __future__ import annotations

import argparse
import csv
import tomllib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from export import stored_network
from faces import FaceFinder, align
from familiarity import Region, unit
from manipulate import HELD_OUT_FAMILIES
from pairs import shrink
from precision import autocast
from settings import CACHE_DIR, DATA_DIR, MODELS_DIR
from stills import normalise

DRAWS = 2000
FRAMES_SCORED = 8  # of a video's 32, by the frame model
STRANGERS = "strangers"  # the scores of genuine pictures from elsewhere
STILL_FRAMES = (6, 14, 22)  # among the eight that are scored anyway
LEAST_SHARE_OF_A_VOICE = 0.25  # of the weights: below it a model's dissent does not count (`src/inference/fusion.rs`)
GENDERS = ("male", "female")
ETHNICITIES = ("white", "black", "asian", "indian", "other")  # UTKFace's own labels


@dataclass
class Raw:
    """Raw logits of one video."""

    sequence: float  # the track
    frame: float  # mean over the frames that the frame model scored
    sequence_alone: np.ndarray  # [T], every frame a track of its own
    frame_alone: np.ndarray  # [T], of frames that were not scored not a number
    distance: float  # of the track from the training data
    distance_alone: np.ndarray  # [T]


class Bundle:
    """The two exported models, their calibration, the fusion and the thresholds, as the service applies them."""

    def __init__(self, folder: Path, frames: int = FRAMES_SCORED):
        self.frames = frames
        self.bundle = tomllib.loads((folder / "bundle.toml").read_text())
        self.manifests, self.networks = {}, {}
        for kind in ("sequence", "frame"):
            self.networks[kind], self.manifests[kind] = stored_network(folder / self.bundle[kind])
        self.familiarity = self.manifests["sequence"]["familiarity"]
        self.region = Region(**load_file(folder / self.bundle["sequence"] / self.familiarity["file"]))

    @torch.no_grad()
    def raw(self, frames: np.ndarray) -> Raw:
        """Raw logits of FAKE of one video of aligned canvases u8 [T, C, C, 3]."""
        sequence = self.networks["sequence"]
        middle, features = self.features(self.inputs(frames, "sequence"))
        track, _ = sequence.over_time(features[None])
        alone, _ = sequence.over_time(features[:, None])
        per_frame, scored = np.full(len(frames), np.nan), evenly(len(frames), self.frames)
        looked_at = np.union1d(scored, [t for t in STILL_FRAMES if t < len(frames)]).astype(int)
        per_frame[looked_at] = self.frame_logits(frames[looked_at]).numpy()
        distances = self.region.distance(unit(torch.cat([middle.mean(0, keepdim=True), middle])))
        return Raw(float(track[0, 0] - track[0, 1]), float(per_frame[scored].mean()), (alone[:, 0] - alone[:, 1]).numpy(), per_frame,
                   float(distances[0]), distances[1:])

    def inputs(self, canvases: np.ndarray, kind: str) -> torch.Tensor:
        """Canvases u8 [T, C, C, 3] as a model takes them, [T, 3, S, S]."""
        preprocess = self.manifests[kind]["preprocess"]
        pictures = np.stack([shrink(canvas, preprocess["size_px"]) for canvas in canvases])
        return normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2), preprocess)

    def frame_logits(self, canvases: np.ndarray) -> torch.Tensor:
        """[T]; in bfloat16 where the processor has it, as it is served there."""
        with autocast():
            logits = [self.networks["frame"](part) for part in self.inputs(canvases, "frame").split(16)]
        return torch.cat([part[0] if isinstance(part, tuple) else part for part in logits]).float()

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised [T, 3, S, S] -> pooled features after the stage that distances are measured at, and after the last."""
        parts, stage = self.networks["sequence"].feature_extractor, 4 + self.familiarity["stage"]
        middle = parts[:stage](images)
        return middle.mean((2, 3)), parts[stage:](middle).mean((2, 3))

    def unfamiliar(self, distance: np.ndarray) -> np.ndarray:
        """Whether tracks are INCONCLUSIVE whatever their probability."""
        return distance > self.familiarity["limit"]

    def probability(self, sequence: np.ndarray, frame: np.ndarray, stills: bool = False) -> np.ndarray:
        """P(fake) by the bundle's fusion of calibrated logits."""
        fusion = self.fusion(stills)
        logits = fusion["bias"]
        for kind, raw in (("sequence", sequence), ("frame", frame)):
            logits = logits + fusion[f"{kind}_weight"] * self.calibrated(kind, raw)
        return logistic(logits)

    def calibrated(self, kind: str, raw: np.ndarray) -> np.ndarray:
        calibration = self.manifests[kind]["calibration"]
        return calibration["scale"] * raw + calibration["bias"]

    def verdicts(self, scores: dict[str, np.ndarray], stills: bool = False, limits: dict[str, float] | None = None) -> np.ndarray:
        """FAKE, INCONCLUSIVE or REAL of every row, by all rules of the service: thresholds (the bundle's, or other `limits`), models
        that disagree where both have weight, distance."""
        limits = limits or self.bundle["thresholds"]
        fused = sides(self.probability(scores["sequence"], scores["frame"], stills), limits)
        doubtful = self.unfamiliar(scores["distance"])
        if self.has_two_voices(stills):
            alone = [sides(logistic(self.calibrated(kind, scores[kind])), limits) for kind in ("sequence", "frame")]
            doubtful |= alone[0] * alone[1] < 0
        return np.array(["REAL", "INCONCLUSIVE", "FAKE"])[np.where(doubtful, 0, fused) + 1]

    def fusion(self, stills: bool) -> dict[str, float]:
        return self.bundle["fusion"]["stills"] if stills else self.bundle["fusion"]

    def has_two_voices(self, stills: bool) -> bool:
        """Whether each model has weight enough to contradict the other."""
        weights = [self.fusion(stills)[f"{kind}_weight"] for kind in ("sequence", "frame")]
        return min(weights) >= LEAST_SHARE_OF_A_VOICE * sum(weights)


def logistic(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def sides(probability: np.ndarray, limits: dict[str, float]) -> np.ndarray:
    """1 where a probability is FAKE by the thresholds, -1 where it is REAL, 0 between."""
    return (probability >= limits["fake_at_or_above"]).astype(int) - (probability <= limits["real_at_or_below"])


def evenly(count: int, wanted: int) -> np.ndarray:
    """At most `wanted` of `count` frames, the middles of equal shares, as the service chooses them."""
    wanted = min(wanted, count)
    return (2 * np.arange(wanted) + 1) * count // (2 * wanted)


def score_videos(bundle: Bundle, split: str, cache_dir: Path) -> None:
    """Columns person, kind, family, sequence, frame, distance, frames (the frame model's logits one by one) into
    <cache>/scores/<split>.csv, those of single frames into <split>-stills.csv."""
    videos, stills = [], []
    for path in tqdm(sorted((cache_dir / "videos" / split).glob("*.npz")), desc=split):
        stored = np.load(path)
        for family, frames in zip(stored["families"], stored["frames"]):
            about, raw = [str(stored["person"]), str(stored["kind"]), str(family)], bundle.raw(frames)
            each = " ".join(f"{raw.frame_alone[t]:.5f}" for t in evenly(len(frames), bundle.frames))
            videos.append([*about, raw.sequence, raw.frame, raw.distance, each])
            stills += [[*about, raw.sequence_alone[t], raw.frame_alone[t], raw.distance_alone[t], ""] for t in STILL_FRAMES]
    (cache_dir / "scores").mkdir(exist_ok=True)
    for name, rows in ((split, videos), (f"{split}-stills", stills)):
        with open(cache_dir / f"scores/{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["person", "kind", "family", "sequence", "frame", "distance", "frames"], *rows])


def read_scores(split: str, cache_dir: Path) -> dict[str, np.ndarray]:
    with open(cache_dir / "scores" / f"{split}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = ("sequence", "frame", "distance")
    return {key: np.array([float(row[key]) if key in numbers else row[key] for row in rows]) for key in rows[0]}


def auc_with_interval(scores: np.ndarray, forged: np.ndarray, people: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """AUC, and the 2.5th and 97.5th percentile over resampled people."""
    rng = np.random.default_rng(seed)
    names = np.unique(people)
    members = [np.flatnonzero(people == name) for name in names]
    drawn = []
    for _ in range(DRAWS):
        chosen = np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        if 0 < forged[chosen].sum() < len(chosen):
            drawn.append(roc_auc_score(forged[chosen], scores[chosen]))
    return roc_auc_score(forged, scores), *np.percentile(drawn, [2.5, 97.5])


def report(bundle: Bundle, scores: dict[str, np.ndarray], stills: bool = False) -> str:
    """Markdown tables of videos or of single frames: AUC per family and model; verdicts at the thresholds."""
    forged, families = scores["family"] != "genuine", [f for f in dict.fromkeys(scores["family"]) if f != "genuine"]
    fused = bundle.probability(scores["sequence"], scores["frame"], stills)
    columns = {bundle.bundle["sequence"]: scores["sequence"], bundle.bundle["frame"]: scores["frame"], "fused": fused}
    lines = ["| forgery | forged vs genuine | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    unseen = np.isin(scores["family"], HELD_OUT_FAMILIES)
    for family in ["all", *(["families unseen in training"] if unseen.any() else []), *families]:
        chosen = ~forged | (scores["family"] == family) | (family == "all") | (unseen & (family == "families unseen in training"))
        cells = ["{:.3f} ({:.3f}-{:.3f})".format(*auc_with_interval(s[chosen], forged[chosen], scores["person"][chosen])) for s in columns.values()]
        lines.append(f"| {family} | {(forged & chosen).sum()} vs {(~forged).sum()} | " + " | ".join(cells) + " |")
    verdicts = bundle.verdicts(scores, stills)
    lines += ["", "| | called FAKE | INCONCLUSIVE | called REAL |", "|---|---|---|---|"]
    for name in ["genuine", *families]:
        mine = scores["family"] == name
        counts = [int((verdicts[mine] == verdict).sum()) for verdict in ("FAKE", "INCONCLUSIVE", "REAL")]
        lines.append(f"| {name} ({mine.sum()}) | " + " | ".join(f"{n} ({100 * n / mine.sum():.0f} %)" for n in counts) + " |")
    return "\n".join(lines) + "\n"


def score_strangers(bundle: Bundle, folder: Path, data_dir: Path, cache_dir: Path) -> None:
    """Genuine UTKFace stills as tracks of one frame, into <cache>/scores/strangers.csv: sequence, frame, distance and groups."""
    finder, rows = FaceFinder(data_dir), []
    for path in tqdm(sorted(folder.glob("*.jpg")), desc="groups"):
        image = cv2.imread(str(path))
        landmarks = finder.largest(image)
        fields = path.name.split("_")
        if landmarks is None or len(fields) < 4 or not fields[1].isdigit() or not fields[2].isdigit():
            continue
        raw = bundle.raw(np.ascontiguousarray(align(image, landmarks)[0][..., ::-1])[None])
        age = min(int(fields[0]) // 20 * 20, 60)
        groups = ("all", GENDERS[int(fields[1])], ETHNICITIES[int(fields[2])], f"age {age}-{age + 19}" if age < 60 else "age 60+")
        rows.append([raw.sequence, raw.frame, raw.distance, "/".join(groups)])
    (cache_dir / "scores").mkdir(exist_ok=True)
    with open(cache_dir / f"scores/{STRANGERS}.csv", "w", newline="") as file:
        csv.writer(file).writerows([["sequence", "frame", "distance", "groups"], *rows])


def report_groups(bundle: Bundle, cache_dir: Path) -> str:
    """The share of strangers called FAKE, by group."""
    strangers = read_scores(STRANGERS, cache_dir)
    found: dict[str, list[dict[str, float]]] = {}
    for number, groups in enumerate(strangers["groups"]):
        for group in groups.split("/"):
            found.setdefault(group, []).append({name: strangers[name][number] for name in ("sequence", "frame", "distance")})
    lines = ["| group | faces | called FAKE (95 % interval) | called REAL | unlike the training data | mean P(fake) |", "|---|---|---|---|---|---|"]
    for group, values in sorted(found.items(), key=lambda item: (item[0] != "all", item[0])):
        scores = {name: np.array([row[name] for row in values]) for name in values[0]}
        verdicts = bundle.verdicts(scores, stills=True)
        low, high = binomtest(int((verdicts == "FAKE").sum()), len(values)).proportion_ci(method="wilson")
        shares = " | ".join(f"{100 * part.mean():.1f} %" for part in (verdicts == "REAL", bundle.unfamiliar(scores["distance"])))
        called_fake = f"{100 * (verdicts == 'FAKE').mean():.1f} % ({100 * low:.1f}-{100 * high:.1f})"
        mean = bundle.probability(scores["sequence"], scores["frame"], stills=True).mean()
        lines.append(f"| {group} | {len(values)} | {called_fake} | {shares} | {mean:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    parser.add_argument("--videos", choices=["validation", "test"])
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES_SCORED, help="that the frame model scores of a video")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--stored", action="store_true", help="report the scores kept by an earlier run of the same weights")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    opened = Bundle(arguments.models, arguments.frames)
    if arguments.groups:
        if not arguments.stored:
            score_strangers(opened, arguments.groups, arguments.data.resolve(), arguments.cache)
        text = report_groups(opened, arguments.cache)
    else:
        if not arguments.stored:
            score_videos(opened, arguments.videos, arguments.cache)
        parts = {"Videos": arguments.videos, "Single frames": f"{arguments.videos}-stills"}
        text = "\n".join(f"{title}\n\n{report(opened, read_scores(name, arguments.cache), stills=title != 'Videos')}" for title, name in parts.items())
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
