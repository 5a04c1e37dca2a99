"""The networks that are timed: as folders that the service loads, and as PyTorch modules for the peers.

The default bundle's have their own weights; the published sizes have random ones, which cost the same time.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.transforms.v2 import functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "scripts/train"), str(ROOT / "benchmarks")]
from end_to_end import SEED, VIT, random_state  # noqa: E402
from export import stored_network  # noqa: E402
from reference_networks import reference  # noqa: E402

FOLDER = ROOT / "target/bench-models"
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
OPENAI = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
CANVAS = {"canvas_px": 256, "resize": "bilinear"}
UFD = VIT | {"family": "clip-vit-linear", "embed_width": 768}


@dataclass(frozen=True)
class Timed:
    """A network, and the batches that it is timed at."""

    name: str
    kind: str
    batches: tuple[int, ...]
    architecture: dict | None = None  # None: a model of this repository
    preprocess: dict | None = None

    def manifest(self) -> dict:
        if self.architecture is None:
            return tomllib.loads((ROOT / "models" / self.name / "manifest.toml").read_text())
        return {"architecture": self.architecture, "preprocess": self.preprocess}


TIMED = {
    timed.name: timed
    for timed in (
        Timed("sequence-s", "sequence", (1, 30)),
        Timed("frame-dino-s", "frame", (1, 8)),
        *(Timed(f"resnext50-{side}", "sequence", (1, 30), SEED, CANVAS | {"size_px": side} | IMAGENET) for side in (112, 180, 224)),
        Timed("vit-l-14", "frame", (1,), UFD, CANVAS | {"size_px": 224} | OPENAI),
    )
}


class Logits(nn.Module):
    """Pictures [n, 3, S, S] of one clip to the logits that the verdict rests on, and nothing else."""

    def __init__(self, network: nn.Module, timed: Timed):
        super().__init__()
        self.network, self.kind, self.own = network, timed.kind, timed.architecture is None

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        if self.own:
            return self.network(pictures[None])[0] if self.kind == "sequence" else self.network(pictures)[0]
        return self.network(pictures)["track_logits" if self.kind == "sequence" else "frame_logits"]


def network(name: str) -> nn.Module:
    timed = TIMED[name]
    if timed.architecture is None:
        own, _ = stored_network(ROOT / "models" / name)
        return Logits(own, timed).eval().requires_grad_(False)
    return Logits(reference(timed.architecture, drawn(timed)), timed).eval().requires_grad_(False)


def drawn(timed: Timed) -> dict[str, torch.Tensor]:
    torch.manual_seed(16)
    return random_state(timed.architecture)


def prepared(canvases: torch.Tensor, name: str) -> torch.Tensor:
    """Aligned canvases u8 [n, 3, C, C] as the network takes them; part of what is timed, as it is in the service."""
    said = TIMED[name].manifest()["preprocess"]
    pictures = F.resize(canvases, [said["size_px"]] * 2, antialias=True)
    return F.normalize(F.to_dtype(pictures, torch.float32, scale=True), said["mean"], said["std"])


def bundle(name: str) -> Path:
    """A models directory with this network alone, made once."""
    timed, folder = TIMED[name], FOLDER / name
    if (folder / "bundle.toml").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    linked = ["face-detector-s"] + ([name] if timed.architecture is None else [])
    for model in linked:
        if not (folder / model).exists():
            (folder / model).symlink_to(ROOT / "models" / model)
    if timed.architecture is not None:
        write_model(timed, folder / name)
    weights = {"sequence_weight": float(timed.kind == "sequence"), "frame_weight": float(timed.kind == "frame")}
    text = toml({"schema": 1, "name": name, "version": "1", "detector": "face-detector-s", timed.kind: name})
    text += f"\n[fusion]\n{toml({'bias': 0.0} | weights)}\n[thresholds]\n{toml({'fake_at_or_above': 0.7, 'real_at_or_below': 0.3})}"
    (folder / "bundle.toml").write_text(text)
    return folder


def write_model(timed: Timed, folder: Path):
    folder.mkdir(exist_ok=True)
    weights = folder / "weights.safetensors"
    save_file({key: value.contiguous() for key, value in drawn(timed).items()}, weights)
    (folder / "README.md").write_text("Random weights, for timing alone.\n")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    labels = ["REAL", "FAKE"] if timed.kind == "sequence" else ["FAKE"]
    head = {"schema": 1, "name": timed.name, "version": "1", "kind": timed.kind, "licence": "none", "card": "README.md"}
    tables = {"weights": {"file": weights.name, "sha256": digest}, "architecture": timed.architecture, "preprocess": timed.preprocess,
              "output": {"labels": labels}, "calibration": {"scale": 1.0, "bias": 0.0}}
    (folder / "manifest.toml").write_text(toml(head) + "".join(f"\n[{key}]\n{toml(table)}" for key, table in tables.items()))


def toml(table: dict) -> str:
    """JSON's literals of these types are TOML's too."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
