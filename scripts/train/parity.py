"""Reference tensors for the Rust parity tests (`src/inference/parity`): what PyTorch, torchvision and transformers answer.

    python scripts/train/parity.py --out tests/fixtures/parity

It writes, in about half a minute,

- `canvases.safetensors`: two aligned-size face pictures u8 [2, 256, 256, 3] RGB cut from `videos/genuine.mp4` and
  `videos/manipulated.mp4`; the third canvas of every comparison is noise that both sides compute (`hashed.py`).
- `preprocess.safetensors` and `.json`: for several sizes, kernels and fits the SHA-256 of the bytes that Pillow's resize and
  torchvision's crop give for each canvas, and every 251st number after `ToTensor` and `Normalize`.
- `<name>/manifest.toml` and `<name>/reference.safetensors` for each network: raw logits, fp32, before calibration:
  `frame_logits` [T, outputs] and, of sequence models, `track_logits` [1, 2], for the first T canvases.
  `tiny-*` come with `weights.safetensors`; `full-*` have published sizes and weights from `hashed.py`.
  `mask_logits` [T, side, side] are those of the patches, where the network has a head for them.
- `tiny-dinov2-graph` rests on `foundations/tiny.onnx`, a graph as exporters write it; its weights are a difference to that, of some
  matrices two factors of what is added.
- `published-foundation`: what the class tokens of the canvases become in the published DINOv2 ViT-S/14 alone (`foundation.py --fetch`).
- `shipped-sequence`, `shipped-frame`: the same for the models that `models/bundle.toml` names, without manifest and weights.
  `--only shipped` writes these two alone, `--only dinov2` what is about that family.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tomllib
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import transforms

import foundation
import hashed
from exported_graph import write_graph
from reference_networks import RESNET18, RESNEXT50, drawn, reference, shapes_of

ROOT = Path(__file__).parents[2]
CANVAS = 256
SAMPLE_STEP = 251
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
OPENAI = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
KERNELS = {"bilinear": transforms.InterpolationMode.BILINEAR, "bicubic": transforms.InterpolationMode.BICUBIC}

TRUNK = {"stem_width": 4, "layers": [1, 2, 1], "groups": 2, "width_per_group": 2}
TOWER = {"image_px": 32, "patch_px": 8, "width": 16, "layers": 2, "heads": 2}
VIT_L_14 = {"image_px": 224, "patch_px": 14, "width": 1024, "layers": 24, "heads": 16}


def prep(size: int, resize: str, stats: dict, **more: object) -> dict:
    return {"canvas_px": CANVAS, "size_px": size, "resize": resize, **more, **stats}


TINY_DINO = {"family": "dinov2-vit", "image_px": 32, "patch_px": 8, "width": 16, "layers": 2, "heads": 2, "head": "linear", "position_grid": 5}
VIT_S_14 = {"family": "dinov2-vit", "image_px": 224, "patch_px": 14, "width": 384, "layers": 12, "heads": 6, "head": "linear"}

SMALL, LARGE = prep(48, "bilinear", IMAGENET), prep(32, "bicubic", OPENAI, centre_ratio=0.77)
SEED = {"family": "resnext-bilstm", "lstm_layers": 2, "max_frames": 20}
# name, canvases, [architecture], [preprocess]
TINY = [
    ("tiny-seed", 3, SEED | TRUNK | {"lstm_hidden": 8, "attention_heads": 4, "activation": "gelu"}, SMALL),
    ("tiny-seed-twin", 3, SEED | TRUNK | {"lstm_hidden": 8, "attention_heads": 8, "activation": "relu"}, LARGE),
    ("tiny-seed-old", 3, TRUNK | {"family": "resnext-bilstm-mean", "lstm_layers": 1, "lstm_hidden": 8, "batch_first": False,
                                  "max_frames": 20}, SMALL),
    ("tiny-lstm-mean", 3, TRUNK | {"family": "resnext-lstm", "lstm_layers": 1, "lstm_hidden": 8, "pooling": "mean",
                                   "batch_first": False, "max_frames": 20}, prep(112, "bilinear", IMAGENET)),
    ("tiny-lstm-last", 3, TRUNK | {"family": "resnext-lstm", "lstm_layers": 1, "lstm_hidden": 8, "pooling": "last",
                                   "batch_first": False, "max_frames": 20}, SMALL),
    ("tiny-lstm-ordered", 3, TRUNK | {"family": "resnext-lstm", "lstm_layers": 2, "lstm_hidden": 8, "pooling": "last",
                                      "batch_first": True, "max_frames": 20}, SMALL),
    ("tiny-d3", 3, TOWER | {"family": "clip-vit-d3", "permutation_seed": 418}, prep(32, "bilinear", OPENAI)),
    ("tiny-d3-given", 3, TOWER | {"family": "clip-vit-d3", "permutation": [3, 0, 7, 1, 15, 2, 8, 4, 14, 5, 9, 6, 13, 10, 12, 11]}, LARGE),
    ("tiny-ufd", 3, TOWER | {"family": "clip-vit-linear", "embed_width": 12}, prep(32, "bicubic", OPENAI, fit="centre-crop")),
    ("tiny-gend", 3, TOWER | {"family": "clip-vit-norm-linear"}, prep(32, "bicubic", OPENAI, fit="shorter-side")),
    ("tiny-dinov2", 3, TINY_DINO, prep(32, "bilinear", IMAGENET)),
    ("tiny-dinov2-graph", 3, TINY_DINO, prep(32, "bilinear", IMAGENET)),
    ("tiny-dinov2-field", 3, TINY_DINO | {"field": [1, 0, 2, 3]}, prep(32, "bilinear", IMAGENET)),
    ("tiny-dinov2-plain", 3, TINY_DINO | {"position_grid": 4, "mask_head": False}, prep(32, "bicubic", IMAGENET)),
    ("tiny-resnet", 3, {"family": "resnet", "stem_width": 4, "layers": [1, 2, 1], "head": "fc"}, SMALL),
    ("tiny-resnet-dropout", 3, {"family": "resnet", "stem_width": 4, "layers": [2, 1], "head": "fc.1"}, LARGE),
]
FULL = [
    ("full-seed", 2, SEED | RESNEXT50 | {"lstm_hidden": 512, "attention_heads": 4, "activation": "gelu", "max_frames": 200},
     prep(180, "bilinear", IMAGENET)),
    ("full-lstm", 2, RESNEXT50 | {"family": "resnext-lstm", "lstm_layers": 1, "lstm_hidden": 2048, "pooling": "last",
                                  "batch_first": False, "max_frames": 100}, prep(112, "bilinear", IMAGENET)),
    ("full-d3", 1, VIT_L_14 | {"family": "clip-vit-d3", "permutation_seed": 418}, prep(224, "bilinear", OPENAI)),
    # The tower is the same; three of its layers tell these heads apart.
    ("full-ufd", 1, VIT_L_14 | {"layers": 3, "family": "clip-vit-linear", "embed_width": 768},
     prep(224, "bilinear", OPENAI, fit="centre-crop")),
    ("full-gend", 1, VIT_L_14 | {"layers": 3, "family": "clip-vit-norm-linear"}, prep(224, "bicubic", OPENAI, fit="shorter-side")),
    ("full-dinov2", 2, VIT_S_14, prep(224, "bilinear", IMAGENET)),
    ("full-resnet18", 2, RESNET18 | {"family": "resnet", "head": "fc.1"}, prep(224, "bilinear", IMAGENET)),
]
PREPROCESSING = [
    prep(size, resize, IMAGENET) for size in (112, 128, 180, 224, 380) for resize in KERNELS
] + [
    prep(224, "bilinear", OPENAI, centre_ratio=0.77), prep(112, "bicubic", OPENAI, centre_ratio=0.77),
    prep(224, "bicubic", OPENAI, fit="shorter-side"), prep(224, "bilinear", OPENAI, fit="centre-crop"),
    prep(299, "bilinear", OPENAI, fit="centre-crop"), prep(224, "bilinear", OPENAI, fit="centre-crop", centre_ratio=0.5),
]
LABELS = {1: ["FAKE"], 2: ["REAL", "FAKE"]}
ONE_OUTPUT = ("clip-vit-d3", "clip-vit-linear", "dinov2-vit")


def faces() -> np.ndarray:
    """[2, 256, 256, 3] RGB: about the square that alignment would cut from the demo videos."""
    pictures = []
    for video, frame in (("genuine.mp4", 30), ("manipulated.mp4", 60)):
        reader = cv2.VideoCapture(str(ROOT / "videos" / video))
        reader.set(cv2.CAP_PROP_POS_FRAMES, frame)
        found, picture = reader.read()
        assert found, f"videos/{video} has no frame {frame}"
        cut = cv2.resize(picture[50:270, 195:415], (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        pictures.append(cv2.cvtColor(cut, cv2.COLOR_BGR2RGB))
    return np.stack(pictures)


def noise() -> np.ndarray:
    return (hashed.bits("canvas", CANVAS * CANVAS * 3) >> 24).astype(np.uint8).reshape(1, CANVAS, CANVAS, 3)


def fit(preprocess: dict) -> transforms.Compose:
    """torchvision's transforms of a Pillow image, before `ToTensor`."""
    size, used = preprocess["size_px"], round(CANVAS * preprocess.get("centre_ratio", 1.0))
    kernel = KERNELS[preprocess["resize"]]
    steps = {
        "squash": [transforms.Resize((size, size), kernel)],
        "shorter-side": [transforms.Resize(size, kernel), transforms.CenterCrop(size)],
        "centre-crop": [transforms.CenterCrop(size)],
    }
    return transforms.Compose([transforms.CenterCrop(used), *steps[preprocess.get("fit", "squash")]])


def network_input(canvases: np.ndarray, preprocess: dict) -> torch.Tensor:
    """[T, 3, S, S] f32 as the networks take it."""
    fitted, normalise = fit(preprocess), transforms.Normalize(preprocess["mean"], preprocess["std"])
    to_tensor = transforms.ToTensor()
    return torch.stack([normalise(to_tensor(fitted(Image.fromarray(canvas)))) for canvas in canvases])


def write_preprocessing(canvases: np.ndarray, out: Path) -> None:
    cases, samples = [], {}
    for number, preprocess in enumerate(PREPROCESSING):
        pictures = [np.asarray(fit(preprocess)(Image.fromarray(canvas))) for canvas in canvases]
        cases.append({"preprocess": preprocess, "sha256": [hashlib.sha256(p.tobytes()).hexdigest() for p in pictures]})
        samples[f"{number}"] = network_input(canvases, preprocess).flatten()[::SAMPLE_STEP].contiguous()
    (out / "preprocess.json").write_text(json.dumps(cases, indent=1) + "\n")
    save_file(samples, out / "preprocess.safetensors")


@torch.no_grad()
def logits(architecture: dict, state: dict, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    found = {name: value.contiguous() for name, value in reference(architecture, state)(inputs).items()}
    for name, value in found.items():
        assert value.isfinite().all() and value.abs().max() > 0.3, f"{name} of {architecture['family']} say little: {value}"
    if architecture["family"] == "clip-vit-d3":
        found["permutation"] = torch.tensor(architecture["permutation"]) if "permutation" in architecture else drawn(architecture)
    return found


def write_network(case: tuple, canvases: np.ndarray, out: Path) -> None:
    name, count, architecture, preprocess = case
    folder = out / name
    folder.mkdir(exist_ok=True)
    state = hashed.state(shapes_of(architecture))
    found = logits(architecture, state, network_input(canvases[:count], preprocess))
    save_file(found, folder / "reference.safetensors")
    tables = {}
    if name == "tiny-dinov2-graph":
        state, tables["foundation"] = split(state, out)
    if name.startswith("tiny-"):
        save_file(state, folder / "weights.safetensors")
        digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    else:
        digest = "0" * 64
    (folder / "manifest.toml").write_text(manifest(name, architecture, preprocess, digest, tables))
    print(name, *(f"{key} {value.flatten()[:6].tolist()}" for key, value in found.items() if key != "permutation"), flush=True)


def split(state: dict[str, torch.Tensor], out: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """What training would have moved, some matrices of the blocks by factors, and the [foundation] that holds the rest (and other
    values of the moved)."""
    moved = {name: value for name, value in state.items() if value.ndim == 1 or "head." in name}
    base = {name: hashed.tensor(f"before.{name}", value.shape) if name in moved else value for name, value in state.items()}
    for name in [name for name in state if name.endswith(("query.weight", "fc2.weight"))]:
        up, down = (hashed.tensor(f"{half}.{name}", shape) for half, shape in zip(("up", "down"), ((len(state[name]), 3), (3, state[name].shape[1]))))
        base[name] = state[name] - up @ down
        moved |= {name.removesuffix("weight") + "low_rank.up": up, name.removesuffix("weight") + "low_rank.down": down}
    graph = out / "foundations/tiny.onnx"
    graph.parent.mkdir(exist_ok=True)
    write_graph({name: value for name, value in base.items() if "head." not in name}, graph)
    table = {"name": "tiny", "file": graph.name, "sha256": foundation.digest(graph), "source": "parity.py", "licence": "Apache-2.0 OR MIT"}
    return moved, table


def manifest(name: str, architecture: dict, preprocess: dict, digest: str, more: dict[str, dict]) -> str:
    outputs = 1 if architecture["family"] in ONE_OUTPUT else 2
    kind = "sequence" if architecture["family"].startswith("resnext") else "frame"
    head = {"schema": 1, "name": name, "version": "1", "kind": kind, "licence": "Apache-2.0 OR MIT", "card": "README.md"}
    tables = {
        "weights": {"file": "weights.safetensors", "sha256": digest}, "architecture": architecture, "preprocess": preprocess,
        "output": {"labels": LABELS[outputs]}, "calibration": {"scale": 1.0, "bias": 0.0},
    } | more
    return toml(head) + "".join(f"\n[{name}]\n{toml(table)}" for name, table in tables.items())


def toml(table: dict) -> str:
    """JSON's literals of these types are TOML's too."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def write_shipped(models: Path, canvases: np.ndarray, out: Path) -> None:
    bundle = tomllib.loads((models / "bundle.toml").read_text())
    for role in ("sequence", "frame"):
        folder = models / bundle[role]
        about = tomllib.loads((folder / "manifest.toml").read_text())
        state = load_file(folder / about["weights"]["file"])
        if "foundation" in about:
            state = merged(foundation.read_foundation() | state)
        found = logits(about["architecture"], state, network_input(canvases, about["preprocess"]))
        (out / f"shipped-{role}").mkdir(exist_ok=True)
        save_file(found, out / f"shipped-{role}" / "reference.safetensors")
        print(f"shipped-{role} ({bundle[role]})", found["frame_logits"].flatten().tolist(), flush=True)


def merged(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The factors' products added to their matrices."""
    for name in [name for name in state if name.endswith(".low_rank.up")]:
        owner = name.removesuffix(".low_rank.up")
        state[f"{owner}.weight"] = state[f"{owner}.weight"] + state.pop(name) @ state.pop(f"{owner}.low_rank.down")
    return state


@torch.no_grad()
def write_foundation(canvases: np.ndarray, out: Path) -> None:
    state = foundation.read_foundation() | {name: torch.zeros(size) for name, size in shapes_of(VIT_S_14).items() if "head." in name}
    features = reference(VIT_S_14, state).features(network_input(canvases, prep(224, "bilinear", IMAGENET)))
    (out / "published-foundation").mkdir(exist_ok=True)
    save_file({"class_features": features[:, 0].contiguous()}, out / "published-foundation/reference.safetensors")
    print("published-foundation", features[0, 0, :4].tolist(), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--out", type=Path, default=ROOT / "tests/fixtures/parity")
    parser.add_argument("--only", choices=["shipped", "dinov2"], help="the shipped models, or what is about DINOv2, alone")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    stored = arguments.out / "canvases.safetensors"
    if not arguments.only:
        save_file({"canvases": torch.from_numpy(faces())}, stored)
    pictures = np.concatenate([load_file(stored)["canvases"].numpy(), noise()])
    if arguments.only != "dinov2":
        write_shipped(arguments.models, pictures, arguments.out)
    if not arguments.only:
        write_preprocessing(pictures, arguments.out)
    if arguments.only != "shipped":
        for case in TINY + FULL:
            if not arguments.only or case[2]["family"] == "dinov2-vit":
                write_network(case, pictures, arguments.out)
        write_foundation(pictures, arguments.out)
