"""Reference tensors for the Rust parity test: PyTorch's own answers for the shipped weights and for tiny random ones.

    python scripts/train/parity.py --models models --out tests/fixtures/parity

A fixture holds `input` f32 [T, 3, S, S] after resize and normalisation, `frame_logits` and, of a sequence model,
`track_logits`; `sequence-s` (bilinear) and `tiny-frame` (bicubic) also hold the `canvas` u8 [T, 256, 256, 3] RGB that `input`
was made from. Sequence: `track_logits` [1, 2] and `frame_logits` [T, 2], order FAKE, REAL; frame: `frame_logits` [T], logit of
P(fake). All logits are raw, before calibration, computed in fp32.
The resize is Pillow's on uint8 (`Image.resize`, BILINEAR or BICUBIC, antialiased): it rounds to whole levels, so `input`
agrees with an antialiased float resize within 1/255 / std.
Canvases show scikit-image's astronaut (NASA, public domain) and drawn shapes only. A tiny network's random weights are in the
fixture's folder, in the layout of a model folder.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from export import NETWORKS, export
from settings import MODELS_DIR
from stills import normalise

RESIZES = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
TINY = {
    "sequence": {
        "family": "resnext-bilstm", "stem_width": 4, "layers": [1, 2, 1, 1], "groups": 2, "width_per_group": 2, "lstm_layers": 2,
        "lstm_hidden": 8, "attention_heads": 2, "activation": "relu", "max_frames": 20,
    },
    "frame": {
        "family": "clip-vit-d3", "image_px": 32, "patch_px": 8, "width": 16, "layers": 2, "heads": 2, "permutation_seed": 418,
    },
}


def canvases(count: int) -> np.ndarray:
    """[count, 256, 256, 3]: two crops of the portrait, then drawn patterns of high contrast."""
    portrait = skimage.data.astronaut()
    drawn = np.zeros((256, 256, 3), np.uint8)
    for i in range(0, 256, 8):
        cv2.line(drawn, (i, 0), (255 - i, 255), (i, 255 - i, (i * 7) % 256), 3)
    stripes = np.uint8(255 * ((np.arange(256) // 3) % 2))[None, :, None].repeat(256, 0).repeat(3, 2)
    crops = [portrait[20:276, 96:352], cv2.resize(portrait[40:220, 150:330], (256, 256), interpolation=cv2.INTER_CUBIC)]
    return np.stack([*crops, drawn, stripes])[:count]


def network_input(pictures: np.ndarray, preprocess: dict) -> torch.Tensor:
    """[T, 3, S, S] f32 as the networks take it."""
    size = (preprocess["size_px"], preprocess["size_px"])
    resized = [np.asarray(Image.fromarray(picture).resize(size, RESIZES[preprocess["resize"]])) for picture in pictures]
    return normalise(torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2), preprocess)


@torch.no_grad()
def reference(folder: Path, frames: int, with_canvas: bool) -> dict[str, torch.Tensor]:
    """The fixture of one model folder."""
    manifest = tomllib.loads((folder / "manifest.toml").read_text())
    network = NETWORKS[manifest["kind"]](manifest["architecture"]).eval()
    network.load_state_dict(load_file(folder / manifest["weights"]["file"]), strict=True)
    pictures = canvases(frames)
    inputs = network_input(pictures, manifest["preprocess"])
    tensors = {"input": inputs} | ({"canvas": torch.from_numpy(pictures)} if with_canvas else {})
    if manifest["kind"] == "sequence":
        track, per_frame = network(inputs[None])
        tensors |= {"track_logits": track, "frame_logits": per_frame[0]}
    else:
        tensors["frame_logits"] = network(inputs)
    return {key: value.contiguous() for key, value in tensors.items()}


def tiny_model(kind: str, out: Path) -> Path:
    """A model folder with random weights, batch-norm statistics included, and a bicubic resize."""
    torch.manual_seed(7)
    network = NETWORKS[kind](TINY[kind])
    state = network.state_dict()
    for key, value in state.items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.dtype.is_floating_point and not key.endswith(".pe"):
            value.add_(0.1 * torch.randn_like(value))
    preprocess = {"canvas_px": 256, "size_px": 32, "resize": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    config = {"name": f"tiny-{kind}", "version": "1", "kind": kind, "architecture": TINY[kind], "preprocess": preprocess}
    return export(config, state, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    fixtures = [
        (arguments.models / "sequence-s", 2, True),
        (arguments.models / "frame-s", 1, False),
        (tiny_model("sequence", arguments.out), 4, False),
        (tiny_model("frame", arguments.out), 1, True),
    ]
    for model, frames, with_canvas in fixtures:
        save_file(reference(model, frames, with_canvas), arguments.out / f"{model.name}.safetensors")
