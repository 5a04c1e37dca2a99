"""Write a trained model, or the whole bundle, into a models folder as the service loads it.

    python scripts/train/export.py --config scripts/train/configs/frame-dino-s.toml --models models

The frame model is written as the difference to its foundation: whole values of the tensors that training moved (and the factors
of what is added to matrices), averaged, from <cache>/runs/<name>/decayed.safetensors (`train_frame.py --decay-steps`), or from another state by `--state`.

The manifest's calibration starts as the identity; `calibrate.py` fits it. A [familiarity] table (`familiarity.py`) is kept
while the weights stay the same, and dropped with others. The model card is written by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from dinov2 import Dinov2FrameNetwork
from foundation import TABLE
from networks import FrameNetwork, SequenceNetwork
from settings import CACHE_DIR, FOUNDATIONS_DIR, MODELS_DIR, read_config

LABELS = {"frame": ["FAKE"], "sequence": ["FAKE", "REAL"]}


def export(config: dict, state: dict, models_dir: Path, calibration: tuple[float, float] = (1.0, 0.0)) -> Path:
    """Weights and manifest of one model; the folder is given back. Fails if the state does not fit the architecture."""
    network_from(config["architecture"], state)
    folder = models_dir / config["name"]
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    save_file({key: value.contiguous().clone() for key, value in state.items()}, weights)
    weights.chmod(0o644)
    (folder / "manifest.toml").write_text(manifest(config, weights, calibration))
    return folder


def network_from(shape: dict, state: dict, foundations: Path = FOUNDATIONS_DIR) -> torch.nn.Module:
    """The network that a manifest's [architecture] names, with these weights (and those of its foundation beneath them)."""
    if shape["family"] != "dinov2-vit":
        network = {"clip-vit-d3": FrameNetwork, "resnext-bilstm": SequenceNetwork}[shape["family"]](shape)
        network.load_state_dict(state, strict=True)
        return network.eval()
    network = Dinov2FrameNetwork.on_foundation(shape, foundations)
    network.load_difference(state)
    return network.eval()


def stored_network(folder: Path) -> tuple[torch.nn.Module, dict]:
    """The network of an exported model, and its manifest."""
    stated = tomllib.loads((folder / "manifest.toml").read_text())
    return network_from(stated["architecture"], load_file(folder / stated["weights"]["file"])), stated


def difference(path: Path) -> dict[str, torch.Tensor]:
    """The averaged values of the moved tensors in a training state."""
    return {name.removeprefix("average/"): tensor for name, tensor in load_file(path).items() if name.startswith("average/")}


def manifest(config: dict, weights: Path, calibration: tuple[float, float], familiarity: dict | None = None) -> str:
    """The text of manifest.toml; without a new familiarity table, the present one if it was fitted on these weights."""
    head = {"schema": 1, "name": config["name"], "version": config["version"], "kind": config["kind"],
            "licence": "Apache-2.0 OR MIT", "card": "README.md"}
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    tables = {
        "weights": {"file": weights.name, "sha256": digest},
        "architecture": config["architecture"],
        "preprocess": config["preprocess"],
        "output": {"labels": LABELS[config["kind"]]},
        "calibration": {"scale": round(calibration[0], 6), "bias": round(calibration[1], 6)},
    }
    familiarity = familiarity or present_familiarity(weights.parent / "manifest.toml", digest)
    if config["architecture"]["family"] == "dinov2-vit":
        tables["foundation"] = TABLE
    if familiarity:
        tables["familiarity"] = familiarity
    return toml(head) + "".join(f"\n[{name}]\n{toml(table)}" for name, table in tables.items())


def present_familiarity(path: Path, weights_sha256: str) -> dict | None:
    if not path.exists():
        return None
    present = tomllib.loads(path.read_text())
    if "familiarity" in present and present["weights"]["sha256"] != weights_sha256:
        print(f"{path}: the weights are new, so [familiarity] is dropped; fit it again with familiarity.py")
        return None
    return present.get("familiarity")


def toml(table: dict) -> str:
    return "".join(f"{key} = {literal(value)}\n" for key, value in table.items())


def literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)


def bundle(models_dir: Path, version: str, fusion: dict, thresholds: dict) -> None:
    """Write bundle.toml with new fusion and thresholds; the models stay those it names."""
    named = tomllib.loads((models_dir / "bundle.toml").read_text())
    head = {"schema": 1, "name": "framewitness-default", "version": version, **{kind: named[kind] for kind in ("detector", "sequence", "frame")}}
    stills = fusion.pop("stills")
    tables = {"fusion": fusion, "fusion.stills": stills, "thresholds": thresholds}
    text = toml(head) + "".join(f"\n[{name}]\n{toml(table)}" for name, table in tables.items())
    (models_dir / "bundle.toml").write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--state", type=Path, help="of the frame model: take the average in this training state")
    arguments = parser.parse_args()
    chosen = read_config(arguments.config)
    run = arguments.cache / "runs" / chosen["name"]
    if chosen["kind"] == "frame":
        trained = difference(arguments.state or run / "decayed.safetensors")
    else:
        trained = torch.load(run / "trained.pt", weights_only=True)
    print(export(chosen, trained, arguments.models))
