"""Writes the trained detector as ONNX that OpenCV 4.6 reads, and its manifest."""

import copy
import hashlib
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from layout import OUTPUT_NAMES, STRIDES
from network import DeployedDetector, FaceDetector

OPSET = 11
MAX_BYTES = 2 * 1024 * 1024

MANIFEST = """schema = 1
name = "face-detector-s"
version = "{version}"
kind = "detector"
licence = "Apache-2.0 OR MIT"
card = "README.md"

[weights]
file = "detector.onnx"
sha256 = "{sha256}"

[architecture]
family = "anchor-free-5pt"
strides = {strides}
input_px = {input_px}
score_threshold = {score_threshold}
confirm_score = {confirm_score}
nms_iou = {nms_iou}
"""


def export_folder(detector: FaceDetector, folder: Path, deploy: dict) -> Path:
    """Writes detector.onnx and manifest.toml into `folder`; returns the ONNX path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "detector.onnx"
    export_onnx(detector, path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes, more than the {MAX_BYTES} allowed: make the network smaller")
    manifest = MANIFEST.format(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(), strides=list(STRIDES), **deploy
    )
    (folder / "manifest.toml").write_text(manifest)
    return path


def export_onnx(detector: FaceDetector, path: Path) -> None:
    fused = fold_batch_norm(copy.deepcopy(detector).cpu().eval())
    torch.onnx.export(
        DeployedDetector(fused),
        torch.zeros(1, 3, 320, 320),
        str(path),
        opset_version=OPSET,
        dynamo=False,
        input_names=["input"],
        output_names=OUTPUT_NAMES,
    )
    model = drop_identities(onnx.load(path))
    mark_size_as_free(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def fold_batch_norm(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        parts = list(child.children()) if isinstance(child, nn.Sequential) else []
        if len(parts) == 2 and isinstance(parts[0], nn.Conv2d) and isinstance(parts[1], nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(*parts))
        else:
            fold_batch_norm(child)
    return module


def drop_identities(model: onnx.ModelProto) -> onnx.ModelProto:
    """The exporter shares equal initialisers through Identity nodes, which OpenCV 4.6 rejects."""
    source = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Identity"}
    kept = [node for node in model.graph.node if node.op_type != "Identity"]
    for node in kept:
        for index, name in enumerate(node.input):
            while name in source:
                name = source[name]
            node.input[index] = name
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def mark_size_as_free(model: onnx.ModelProto) -> None:
    """Height and width are symbolic outside; OpenCV ignores this, ONNX Runtime needs it."""
    for value in (*model.graph.input, *model.graph.output):
        shape = value.type.tensor_type.shape
        stride = value.name.rsplit("_", 1)[-1] if value.name != "input" else "1"
        shape.dim[2].dim_param = f"height_{stride}"
        shape.dim[3].dim_param = f"width_{stride}"
