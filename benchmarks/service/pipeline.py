"""The work of the peer: a clip's probability by PyTorch and OpenCV, with the service's own weights.

Every step is what its library advises: frames by OpenCV from the start (the fastest of the peers of `benchmarks/sampling` on
most inputs), faces with ONNX Runtime (faster than OpenCV's own network module), all thirty crops in one batch,
channels-last, without gradients. Detector, alignment and networks come from `scripts/train`, where they were trained.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from torchvision.transforms.v2 import functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "scripts/train"), str(ROOT / "scripts/train/detector")]
from decode import OnnxDetector, decode, fit_frame  # noqa: E402
from export import stored_network  # noqa: E402
from faces import align  # noqa: E402
from layout import OUTPUT_NAMES  # noqa: E402

FRAMES = 30
FRAMES_OF_THE_FRAME_MODEL = 8


def sample(path: str) -> list[np.ndarray]:
    """Thirty even frames, BGR as OpenCV gives them."""
    video = cv2.VideoCapture(path)
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = {count * (2 * slot + 1) // (2 * FRAMES) for slot in range(FRAMES)}
    frames = []
    for index in range(max(wanted) + 1):
        if not video.grab():
            break
        if index in wanted:
            frames.append(video.retrieve()[1])
    return frames


class Detector:
    """The exported detector through ONNX Runtime, one whole frame at a time."""

    def __init__(self, folder: Path, threads: int):
        self.about = tomllib.loads((folder / "manifest.toml").read_text())["architecture"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(folder / "detector.onnx"), options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def largest(self, frame: np.ndarray) -> np.ndarray | None:
        """Five landmarks [5, 2] of the largest sure face: a larger shadow is sometimes found weakly beside it."""
        padded, scale = fit_frame(frame, self.about["input_px"])
        picture = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
        faces = decode(self.session.run(OUTPUT_NAMES, {self.input: picture}), self.about["confirm_score"], self.about["nms_iou"])
        if not len(faces):
            return None
        return max(faces, key=lambda face: face[2] * face[3])[4:14].reshape(5, 2) / scale


class OpenCvDetector:
    """The same through OpenCV's own network module, for comparison."""

    def __init__(self, folder: Path):
        self.detector = OnnxDetector(str(folder / "detector.onnx"), tomllib.loads((folder / "manifest.toml").read_text())["architecture"])

    def largest(self, frame: np.ndarray) -> np.ndarray | None:
        faces = self.detector.detect(frame, self.detector.deploy["confirm_score"])
        return max(faces, key=lambda face: face[2] * face[3])[4:14].reshape(5, 2) if len(faces) else None


def in_eight_bits(network: torch.nn.Module) -> torch.nn.Module:
    """Its linear layers dynamically quantised, as PyTorch's documentation has it for transformers."""
    for module in network.modules():
        if isinstance(module, torch.nn.Linear):
            module.__class__ = torch.nn.Linear  # the merged layers of training are of a class of their own, which is not looked for
    return torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, torch.qint8)


class Pipeline:
    """Loaded once, used from any number of threads."""

    def __init__(self, models: Path = ROOT / "models", threads: int = os.cpu_count(), precision: str = "fp32"):
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        self.bundle = tomllib.loads((models / "bundle.toml").read_text())
        self.detector = Detector(models / self.bundle["detector"], threads)
        self.networks, self.manifests = {}, {}
        for kind in ("sequence", "frame"):
            network, self.manifests[kind] = stored_network(models / self.bundle[kind])
            self.networks[kind] = network.requires_grad_(False).to(memory_format=torch.channels_last)
        if precision == "int8":
            self.networks["frame"] = in_eight_bits(self.networks["frame"])
        self.bf16 = precision == "bf16"

    def probability(self, path: str) -> tuple[float | None, int]:
        """P(fake) and the number of faces it rests on."""
        crops = self.crops(path)
        return (self.score(crops) if len(crops) else None), len(crops)

    def crops(self, path: str) -> list[np.ndarray]:
        """Aligned canvases [C, C, 3] RGB."""
        crops = []
        for frame in sample(path):
            landmarks = self.detector.largest(frame)
            if landmarks is not None:
                crops.append(align(frame, landmarks)[0][..., ::-1])
        return crops

    @torch.inference_mode()
    def score(self, crops: list[np.ndarray]) -> float:
        canvases = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            features = self.networks["sequence"].frame_features(self.prepared(canvases, "sequence"))
        track, _ = self.networks["sequence"].over_time(features.float()[None])
        spread = [(2 * share + 1) * len(crops) // (2 * FRAMES_OF_THE_FRAME_MODEL) for share in range(FRAMES_OF_THE_FRAME_MODEL)]
        looked_at = canvases[spread] if len(crops) > FRAMES_OF_THE_FRAME_MODEL else canvases
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            frames, _ = self.networks["frame"](self.prepared(looked_at, "frame"))
        logits = {"sequence": float(track[0, 0] - track[0, 1]), "frame": float(frames.float().mean())}
        return float(torch.sigmoid(torch.tensor(self.fused(logits))))

    def prepared(self, canvases: torch.Tensor, kind: str) -> torch.Tensor:
        said = self.manifests[kind]["preprocess"]
        pictures = F.resize(canvases, [said["size_px"]] * 2, antialias=True)
        return F.normalize(F.to_dtype(pictures, torch.float32, scale=True), said["mean"], said["std"])

    def fused(self, logits: dict[str, float]) -> float:
        fusion, fused = self.bundle["fusion"], self.bundle["fusion"]["bias"]
        for kind, logit in logits.items():
            calibration = self.manifests[kind]["calibration"]
            fused += fusion[f"{kind}_weight"] * (calibration["scale"] * logit + calibration["bias"])
        return fused
