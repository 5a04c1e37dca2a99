"""Faces redrawn by super-resolution networks: traces of a learnt enlargement, as generators and enhancers leave them.

    python scripts/train/super_resolution.py --fetch

The networks are ESRGAN variants of UpscalerJS (npm `@upscalerjs/esrgan-slim` and `-medium` 1.0.0, MIT). They are fetched with
`npm pack`, checked against a pinned digest, rebuilt in PyTorch from their Keras description and kept in the cache; they are
tools of training and never part of this repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import tarfile
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from settings import CACHE_DIR

PACKAGES = {
    "slim": ("@upscalerjs/esrgan-slim@1.0.0", "b53070ff01363e74d33138106dcc72b58d341c9fb7e8fd648554a4e7744142b5"),
    "medium": ("@upscalerjs/esrgan-medium@1.0.0", "367471ded0629387b9aabc75183be0b80d39d46c3f509945ebde4f5bf7a49627"),
}
FACTORS = (2, 3, 4)
# How often each is used: the slim ones leave coarse blocks at x3 and x4, medium x2 is slow.
CHANCES = {("slim", 2): .25, ("slim", 3): .08, ("slim", 4): .07, ("medium", 2): .1, ("medium", 3): .25, ("medium", 4): .25}
SHRINKING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
FILES = ("model.json", "group1-shard1of1.bin")


def fetch(cache_dir: Path = CACHE_DIR) -> None:
    for size, (package, sha256) in PACKAGES.items():
        if all((home(cache_dir, size, factor) / name).exists() for factor in FACTORS for name in FILES):
            continue
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["npm", "pack", "--silent", package], cwd=work, check=True, stdout=subprocess.DEVNULL)
            archive = next(Path(work).glob("*.tgz"))
            found = hashlib.sha256(archive.read_bytes()).hexdigest()
            if found != sha256:
                raise SystemExit(f"{package} has SHA-256 {found}, not the pinned {sha256}")
            with tarfile.open(archive) as packed:
                for factor in FACTORS:
                    home(cache_dir, size, factor).mkdir(parents=True, exist_ok=True)
                    for name in FILES:
                        (home(cache_dir, size, factor) / name).write_bytes(packed.extractfile(f"package/models/x{factor}/{name}").read())
    print(f"{len(PACKAGES) * len(FACTORS)} networks in {cache_dir / 'esrgan'}")


def home(cache_dir: Path, size: str, factor: int) -> Path:
    return cache_dir / "esrgan" / f"{size}-x{factor}"


class SuperResolution:
    """A functional Keras model of Conv2D, ReLU, Concatenate, Add and nearest UpSampling2D, with the weights of a TensorFlow.js
    shard (fp32, in the manifest's order)."""

    def __init__(self, folder: Path, factor: int):
        if not (folder / FILES[1]).exists():
            raise SystemExit(f"{folder} is empty; run: python scripts/train/super_resolution.py --fetch")
        description = json.loads((folder / FILES[0]).read_text())
        self.factor = factor
        self.steps = description["modelTopology"]["model_config"]["config"]["layers"]
        self.weights = read_weights(description["weightsManifest"][0]["weights"], (folder / FILES[1]).read_bytes())

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """RGB [B, 3, H, W] in 0..1 -> [B, 3, factor H, factor W], not clipped."""
        outputs: dict[str, torch.Tensor] = {}
        for step in self.steps:
            inputs = [outputs[node[0]] for node in step["inbound_nodes"][0]] if step["inbound_nodes"] else [images]
            outputs[step["config"]["name"]] = self.output(step["class_name"], step["config"], inputs)
        return outputs[self.steps[-1]["config"]["name"]]

    def output(self, kind: str, config: dict, inputs: list[torch.Tensor]) -> torch.Tensor:
        if kind == "InputLayer":
            return inputs[0]
        if kind == "Conv2D" and config["strides"] == [1, 1] and config["activation"] == "linear":
            return F.conv2d(inputs[0], self.weights[config["name"] + "/kernel"], self.weights[config["name"] + "/bias"], padding="same")
        if kind == "Concatenate":
            return torch.cat(inputs, 1)
        if kind == "Add":
            return sum(inputs)
        if kind == "Activation" and config["activation"] == "relu":
            return F.relu(inputs[0])
        if kind == "UpSampling2D" and config["interpolation"] == "nearest":
            return F.interpolate(inputs[0], scale_factor=config["size"][0], mode="nearest")
        raise ValueError(f"no rule for the Keras layer {kind} {config}")

    def redraw(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """RGB uint8 [S, S, 3] shrunk by the factor and drawn anew at its size."""
        side, factor = image.shape[0], self.factor
        padding = -side % factor
        padded = cv2.copyMakeBorder(image, 0, padding, 0, padding, cv2.BORDER_REFLECT_101)
        small = cv2.resize(padded, None, fx=1 / factor, fy=1 / factor, interpolation=int(rng.choice(SHRINKING)))
        drawn = self(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1)
        return (drawn * 255).round().byte().permute(1, 2, 0).numpy()[:side, :side]


def read_weights(manifest: list[dict], shard: bytes) -> dict[str, torch.Tensor]:
    weights, offset = {}, 0
    for entry in manifest:
        count = math.prod(entry["shape"])
        values = torch.from_numpy(np.frombuffer(shard, "<f4", count, offset).copy()).view(entry["shape"])
        weights[entry["name"]] = values.permute(3, 2, 0, 1).contiguous() if values.ndim == 4 else values
        offset += 4 * count
    if offset != len(shard):
        raise ValueError(f"the shard has {len(shard)} bytes, its manifest describes {offset}")
    return weights


def load_super_resolution(cache_dir: Path = CACHE_DIR) -> list[SuperResolution]:
    """In the order of CHANCES."""
    return [SuperResolution(home(cache_dir, size, factor), factor) for size, factor in CHANCES]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--fetch", action="store_true", required=True)
    fetch(parser.parse_args().cache)
