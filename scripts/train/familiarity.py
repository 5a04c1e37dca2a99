"""Fit where the training data lies among the sequence model's features, and how far from it a score is still believed.

    python scripts/train/familiarity.py --config scripts/train/configs/sequence-s.toml --models models --report familiarity.md

    python scripts/train/familiarity.py --fixture tests/fixtures/familiarity

Writes familiarity.safetensors and the manifest's [familiarity] table; run it again, and the second command after it, whenever
the weights change (`export.py` drops a table that was fitted on others). `src/inference/familiarity.rs` computes the same distance:

    x = mean over a track's frames of the pooled features after one stage of the ResNeXt, scaled to unit length
    d = x - mean, z = basis d / deviations, r = |d - basis' basis d| / residual deviation
    distance = sqrt((|z|^2 + r^2) / (k + 1))

Mean, basis (PCA) and deviations come from training tracks, genuine and forged alike, stills (tracks of one frame) and clips in
equal numbers, after the journeys training uses. `limit` is a tenth above the smallest distance that at most 1 %
of the validation videos and at most 1 % of the validation stills exceed, both classes together: people from elsewhere lie
further out than held-out people of the same sources (seen on genuine UTKFace, which entered nothing else). The stage is the one that finds most outliers (`outliers.py`,
made from validation faces; half of the kinds choose, all are reported), and of its settings within 10 points of the best the one
with the fewest directions: many directions fit the training sources closely and turn genuine faces from elsewhere away.
"""

from __future__ import annotations

import argparse
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from safetensors.torch import load_file, save_file

from degrade import draw_journey, travel
from export import manifest
from faces import FaceFinder, Faces, align
from networks import SequenceNetwork
from outliers import CHOOSING_KINDS, KINDS
from pairs import shrink, shrunk
from precision import has_bf16
from settings import CACHE_DIR, DATA_DIR, MODELS_DIR, read_config
from split import splits
from stills import normalise

STILL_PAIRS, CLIP_FRAMES, VIDEO_FRAMES, PER_KIND, OTHER_FACES = 1536, 2, 8, 48, 300
DIRECTIONS = (8, 16, 32, 64, 128, 256)
ALLOWED_OUTSIDE = 0.01
MARGIN = 1.1
ALLOWED_COST = 0.1
SEED = 421


@dataclass
class Region:
    """Where training tracks lie after one stage of the backbone."""

    mean: torch.Tensor  # [C]
    basis: torch.Tensor  # [k, C], rows orthonormal
    deviations: torch.Tensor  # [k]
    residual_deviation: torch.Tensor  # [1]

    @classmethod
    def fit(cls, tracks: torch.Tensor, directions: int) -> "Region":
        """From tracks [N, C]."""
        tracks = tracks.double()
        apart = tracks - tracks.mean(0)
        variances, vectors = torch.linalg.eigh(apart.T @ apart / len(apart))
        variances, vectors = variances.flip(0).clamp_min(0), vectors.flip(1)
        rest = variances[directions:].sum().sqrt().clamp_min(1e-6)
        parts = tracks.mean(0), vectors[:, :directions].T, variances[:directions].sqrt().clamp_min(1e-6), rest[None]
        return cls(*(part.float().contiguous() for part in parts))

    def distance(self, tracks: torch.Tensor) -> np.ndarray:
        """Distances of tracks [N, C]."""
        apart, basis = tracks.double() - self.mean.double(), self.basis.double()
        along = apart @ basis.T
        rest = (apart - along @ basis).norm(dim=1) / self.residual_deviation.double()
        standardised = (along / self.deviations.double()).square().sum(1)
        return ((standardised + rest.square()) / (len(self.deviations) + 1)).sqrt().numpy()


def unit(tracks: torch.Tensor) -> torch.Tensor:
    return tracks / tracks.norm(dim=-1, keepdim=True).clamp_min(1e-12)


class Backbone:
    """The shipped network's ResNeXt, pooled after every stage. In bfloat16 a distance moves by about 0.1 %."""

    def __init__(self, folder: Path, precision: torch.dtype = torch.bfloat16):
        self.precision = precision
        stated = tomllib.loads((folder / "manifest.toml").read_text())
        self.preprocess = stated["preprocess"]
        self.network = SequenceNetwork(stated["architecture"]).eval()
        self.network.load_state_dict(load_file(folder / stated["weights"]["file"]), strict=True)

    @torch.no_grad()
    def tracks(self, clips: np.ndarray) -> list[torch.Tensor]:
        """u8 [N, T, S, S, 3] -> the tracks' features of unit length [N, C] after each stage."""
        flat = torch.from_numpy(np.ascontiguousarray(clips.reshape(-1, *clips.shape[2:])))
        parts: list[list[torch.Tensor]] = []
        for frames in flat.split(64):
            x = normalise(frames.permute(0, 3, 1, 2), self.preprocess).contiguous(memory_format=torch.channels_last)
            pooled = []
            with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == torch.bfloat16 and has_bf16(torch.device("cpu"))):
                for index, part in enumerate(self.network.feature_extractor):
                    x = part(x)
                    if index >= 4:
                        pooled.append(x.float().mean((2, 3)))
            parts.append(pooled)
        stages = [torch.cat(stage) for stage in zip(*parts)]
        return [unit(stage.view(len(clips), -1, stage.shape[1]).mean(1)) for stage in stages]


def still_pairs(split: str, cache_dir: Path, count: int, stages: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """u8 [2 count, 1, S, S, 3]: genuine stills and their forgeries, from all shards there are."""
    paths = sorted(path.with_suffix(".npy") for path in (cache_dir / "stills" / split).glob("*-[0-9][0-9][0-9].npz") if path.stem.split("-")[0] in stages)
    shards = [np.load(path, mmap_mode="r") for path in paths]
    drawn = [shard[np.sort(rng.choice(len(shard), -(-count // len(shards)), replace=False))] for shard in shards]
    pairs = np.concatenate(drawn)[:count]
    return pairs.reshape(-1, 1, *pairs.shape[2:])


def training_tracks(backbone: Backbone, cache_dir: Path, rng: np.random.Generator) -> list[torch.Tensor]:
    """After each stage, stills and clips in equal weight."""
    stills = backbone.tracks(still_pairs("train", cache_dir, STILL_PAIRS, ("easy", "medium", "full"), rng))
    clips = []
    for path in sorted((cache_dir / "clips/train").glob("*.npy")):
        shard = np.load(path, mmap_mode="r")
        frames = np.linspace(0, shard.shape[2] - 1, CLIP_FRAMES + 2).round().astype(int)[1:-1]
        taken = np.array(shard[:, :, frames])
        clips.append(backbone.tracks(taken.reshape(-1, *taken.shape[2:])))
    joined = [torch.cat(stage) for stage in zip(*clips)]
    repeats = max(1, round(len(stills[0]) / len(joined[0])))
    return [torch.cat([still, clip.repeat(repeats, 1)]) for still, clip in zip(stills, joined)]


def validation_videos(backbone: Backbone, cache_dir: Path) -> dict[str, list[torch.Tensor]]:
    """Family -> the features of its videos after each stage."""
    videos: dict[str, list[np.ndarray]] = {}
    for path in sorted((cache_dir / "videos/validation").glob("*.npz")):
        stored = np.load(path)
        taken = np.linspace(0, stored["frames"].shape[1] - 1, VIDEO_FRAMES).round().astype(int)
        for family, frames in zip(stored["families"], stored["frames"][:, taken]):
            videos.setdefault(str(family), []).append(shrunk(frames, backbone.preprocess["size_px"]))
    return {family: backbone.tracks(np.stack(clips)) for family, clips in videos.items()}


def outlier_tracks(backbone: Backbone, cache_dir: Path, rng: np.random.Generator) -> dict[str, list[torch.Tensor]]:
    """Kind -> features of pictures of it, made from validation faces, after journeys like those of stills."""
    faces = Faces(cache_dir)
    mine = [i for i, person in enumerate(faces.people) if splits()[person] == "validation" and faces.frames[i] < 0]
    found = {}
    for kind, make in KINDS.items():
        pictures = []
        for index in rng.choice(mine, PER_KIND, replace=False):
            canvas = make(np.array(faces.canvases[index]), rng)
            journey = draw_journey(rng, rng.random(), codec=str(rng.choice(["jpeg", "none"])))
            pictures.append(shrink(travel([canvas], journey, rng, still=True)[0], backbone.preprocess["size_px"]))
        found[kind] = backbone.tracks(np.stack(pictures)[:, None])
    return found


def other_faces(backbone: Backbone, data_dir: Path) -> list[torch.Tensor] | None:
    """UTKFace, genuine stills from a source training never saw; None where it is not there."""
    paths = sorted((data_dir / "eval/utkface").glob("*.jpg"))
    if not paths:
        return None
    finder, crops = FaceFinder(data_dir), []
    for path in paths[:: max(1, len(paths) // OTHER_FACES)]:
        picture = cv2.imread(str(path))
        landmarks = finder.largest(picture)
        if landmarks is not None:
            canvas = np.ascontiguousarray(align(picture, landmarks)[0][..., ::-1])
            crops.append(shrink(canvas, backbone.preprocess["size_px"]))
    return backbone.tracks(np.stack(crops)[:, None])


def limit_of(*sets: np.ndarray) -> float:
    """A tenth above the smallest limit that at most the allowed share of each set exceeds."""
    kept = [np.sort(distances)[len(distances) - 1 - int(ALLOWED_OUTSIDE * len(distances))] for distances in sets]
    return round(float(MARGIN * max(kept)), 4)


@dataclass
class Setting:
    """One choice of stage and k, and what it does."""

    stage: int  # from 1
    region: Region
    limit: float
    found: float  # share of the choosing outliers beyond the limit


def settings_tried(training: list, videos: dict, stills: list, outliers: dict) -> list[Setting]:
    tried = []
    for stage, tracks in enumerate(training):
        for directions in (k for k in DIRECTIONS if k <= tracks.shape[1] // 2):
            region = Region.fit(tracks, directions)
            of_videos = np.concatenate([region.distance(family[stage]) for family in videos.values()])
            limit = limit_of(of_videos, region.distance(stills[stage]))
            found = np.mean([(region.distance(outliers[kind][stage]) > limit).mean() for kind in CHOOSING_KINDS])
            tried.append(Setting(stage + 1, region, limit, float(found)))
    return tried


def choose(tried: list[Setting]) -> Setting:
    """The stage of the best setting; of its settings nearly as good the one with the fewest directions."""
    best = max(tried, key=lambda setting: setting.found)
    near = [setting for setting in tried if setting.stage == best.stage and setting.found >= best.found - ALLOWED_COST]
    return min(near, key=lambda setting: len(setting.region.deviations))


def write(setting: Setting, config: dict, folder: Path) -> None:
    path = folder / "familiarity.safetensors"
    save_file(vars(setting.region), path)
    path.chmod(0o644)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    table = {"file": path.name, "sha256": digest, "limit": setting.limit, "stage": setting.stage, "unit_length": True}
    calibration = tomllib.loads((folder / "manifest.toml").read_text())["calibration"]
    text = manifest(config, folder / "weights.safetensors", (calibration["scale"], calibration["bias"]), table)
    (folder / "manifest.toml").write_text(text)


def report(chosen: Setting, tried: list[Setting], sets: dict[str, list[torch.Tensor]]) -> str:
    """Markdown: the share beyond the limit of each set, then what the other settings would have found."""
    lines = [f"Stage {chosen.stage}, {len(chosen.region.deviations)} directions, limit {chosen.limit:.4f}.", "",
             "| tracks | number | beyond the limit | median distance |", "|---|---|---|---|"]
    for name, stages in sets.items():
        distances = chosen.region.distance(stages[chosen.stage - 1])
        lines.append(f"| {name} | {len(distances)} | {100 * (distances > chosen.limit).mean():.1f} % | {np.median(distances):.2f} |")
    columns = sorted({len(setting.region.deviations) for setting in tried})
    lines += ["", "Share of the choosing outliers found, by stage and number of directions:", "",
              "| stage | " + " | ".join(map(str, columns)) + " |", "|---|" + "---|" * len(columns)]
    for stage in sorted({setting.stage for setting in tried}):
        found = {len(s.region.deviations): f"{100 * s.found:.0f} %" for s in tried if s.stage == stage}
        lines.append(f"| {stage} | " + " | ".join(found.get(k, "") for k in columns) + " |")
    return "\n".join(lines) + "\n"


def run(config: dict, models_dir: Path, cache_dir: Path, data_dir: Path) -> str:
    rng = np.random.default_rng(SEED)
    folder = models_dir / config["name"]
    backbone = Backbone(folder)
    training = training_tracks(backbone, cache_dir, rng)
    videos = validation_videos(backbone, cache_dir)
    stills = backbone.tracks(still_pairs("validation", cache_dir, 320, ("medium", "full"), rng))
    outliers = outlier_tracks(backbone, cache_dir, rng)
    tried = settings_tried(training, videos, stills, outliers)
    chosen = choose(tried)
    write(chosen, config, folder)
    sets = {f"validation videos, {family}": tracks for family, tracks in videos.items()}
    sets["validation stills, genuine and forged"] = stills
    elsewhere = other_faces(backbone, data_dir)
    if elsewhere:
        sets["UTKFace, genuine, from elsewhere"] = elsewhere
    for kind, tracks in outliers.items():
        sets[f"outliers, {kind.replace('_', ' ')}" + ("" if kind in CHOOSING_KINDS else " (not used to choose)")] = tracks
    return report(chosen, tried, sets)


def fixtures(folder: Path, models_dir: Path) -> None:
    """For the Rust tests: a small region and some tracks with their distances; then two canvases and the distance of the track
    they make for the shipped model. The canvases show scikit-image's astronaut (NASA, public domain)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(drawn_tracks(folder), folder / "tracks.safetensors")
    model = models_dir / "sequence-s"
    stated = tomllib.loads((model / "manifest.toml").read_text())["familiarity"]
    portrait = skimage.data.astronaut()
    canvases = np.stack([portrait[20:276, 96:352], portrait[30:286, 90:346]])
    backbone = Backbone(model, torch.float32)
    pictures = np.stack([shrink(canvas, backbone.preprocess["size_px"]) for canvas in canvases])
    distance = Region(**load_file(model / stated["file"])).distance(backbone.tracks(pictures[None])[stated["stage"] - 1])
    save_file({"canvases": torch.from_numpy(canvases), "distance": torch.from_numpy(distance).float()}, folder / "shipped.safetensors")
    for path in folder.iterdir():
        path.chmod(0o644)


def drawn_tracks(folder: Path) -> dict[str, torch.Tensor]:
    """Features [5, 3, 24] of tracks of three frames and their distances from a region written into `folder`."""
    generator = torch.Generator().manual_seed(SEED)
    scale = torch.linspace(2, 0.05, 24)
    draw = lambda *shape: (torch.randn(*shape, 24, generator=generator) * scale).abs()  # noqa: E731
    region, features = Region.fit(unit(draw(400)), 6), draw(5, 3)
    tracks = features.mean(1)
    save_file(vars(region), folder / "familiarity.safetensors")
    return {"features": features, "distances": torch.from_numpy(region.distance(tracks)).float(),
            "distances_unit_length": torch.from_numpy(region.distance(unit(tracks))).float()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--fixture", type=Path, help="write the fixtures of the Rust tests into this folder and do nothing else")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if arguments.fixture:
        fixtures(arguments.fixture, arguments.models)
    elif arguments.config is None:
        parser.error("--config is needed, as in: --config scripts/train/configs/sequence-s.toml")
    else:
        text = run(read_config(arguments.config), arguments.models, arguments.cache, arguments.data.resolve())
        print(text)
        if arguments.report:
            arguments.report.write_text(text)
