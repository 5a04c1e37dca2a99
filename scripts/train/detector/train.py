"""Trains the face detector; resumes from its checkpoint and ends with the ONNX file, manifest and curves.

    python scripts/train/detector/train.py --config scripts/train/detector/config.toml

Pipeline: the teacher labels every picture once, canvases are composed on the fly (the stream depends on the
seed and the step only), the averaged weights are exported. Everything lies in the `cache` folder of the
configuration, the deployable files in its `out` sub-folder; `evaluate.py` measures them.
"""

import argparse
import json
import math
import re
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from compose import Composer, Stock, rarity
from configuration import Settings, load_settings
from curves import plot_curves
from decode import decode, fit_frame
from export import export_folder
from label import label_all
from losses import Weights, assign, detector_loss
from negatives import TRAIN_FILES, photographs
from network import DeployedDetector, FaceDetector
from sources import Picture, read_all
from validate import Agreement

ADDED = re.compile(r"\.(deepen|refine)\.")  # parameters that a later stage may add to an earlier one's network
SOURCE_WEIGHT = {"lfw": 1.0, "us_congress": 2.0, "london": 5.0, "grid_video": 5.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    settings = load_settings(parser.parse_args().config)
    torch.set_num_threads(settings.train["threads"])
    torch.manual_seed(settings.train["seed"])
    pictures, faces = label_all(settings)
    run = Run(settings)
    run.resume()
    run.train(compose_stream(settings, pictures, faces, run.step), validation_set(pictures, faces))
    export_folder(run.average, settings.cache / "out", settings.deploy)
    plot_curves(run.history, settings.checkpoint.with_suffix(".png"))


class Canvases(Dataset):
    """Item t is the batch of step t, whatever was drawn before."""

    def __init__(self, composer: Composer, settings: Settings):
        self.composer, self.train = composer, settings.train

    def __len__(self) -> int:
        return self.train["steps"]

    def __getitem__(self, step: int) -> tuple[torch.Tensor, list, list]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.train["seed"], step])
        size = int(rng.choice(self.train["canvas_px"]))
        drawn = [self.composer.compose(rng, size) for _ in range(self.train["batch_pixels"] // size**2)]
        canvas = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _, _ in drawn]))
        return canvas, [torch.from_numpy(f) for _, f, _ in drawn], [torch.from_numpy(i) for _, _, i in drawn]


def compose_stream(settings: Settings, pictures: list[Picture], faces: list, start: int) -> DataLoader:
    chosen = [index for index, picture in enumerate(pictures) if picture.part == "train"]
    pictures = [pictures[index] for index in chosen]
    faces = [faces[index] for index in chosen]
    source = np.array([SOURCE_WEIGHT[picture.source] for picture in pictures])
    rare = np.array([rarity(rows, settings.canvas) for rows in faces])
    stock = Stock(read_all(pictures), faces, source * rare, photographs(TRAIN_FILES))
    composer = Composer(stock, settings.data["keep_score"], settings.canvas)
    steps = range(start, settings.train["steps"])
    workers = settings.train["workers"]
    return DataLoader(Canvases(composer, settings), batch_size=None, sampler=steps, num_workers=workers)


def validation_set(pictures: list[Picture], faces: list) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every second validation picture: enough to follow the training."""
    chosen = [index for index, picture in enumerate(pictures) if picture.part == "validation"][::2]
    return list(zip(read_all([pictures[index] for index in chosen]), [faces[index] for index in chosen]))


class Run:
    """Network, averaged network, optimiser and history, kept together in one checkpoint."""

    def __init__(self, settings: Settings):
        self.settings, self.train_settings = settings, settings.train
        self.network = FaceDetector(**settings.network).to(memory_format=torch.channels_last)
        self.average = FaceDetector(**settings.network).to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.train["learning_rate"], weight_decay=settings.train["weight_decay"]
        )
        self.step, self.history = 0, []
        self.weights = Weights(**settings.loss)
        self.path = settings.checkpoint

    def resume(self) -> None:
        """Continues from this run's checkpoint; without one, begins with the averaged weights of `train.start`."""
        if not self.path.is_file():
            if self.train_settings["start"]:
                self.begin_with(self.settings.cache / self.train_settings["start"])
            return
        state = torch.load(self.path, weights_only=True)
        if state["settings"] != json.dumps([self.settings.network, self.settings.train["seed"]]):
            raise ValueError(f"{self.path} belongs to another network or seed: move it away to start anew")
        for name in ("network", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.history = state["step"], json.loads(state["history"])
        print(f"resumed at step {self.step}", flush=True)

    def begin_with(self, path: Path) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: run the stage that makes it first")
        known = torch.load(path, weights_only=True)["average"]
        for network in (self.network, self.average):
            result = network.load_state_dict(known, strict=False)
            foreign = [name for name in result.missing_keys if not ADDED.search(name)] + result.unexpected_keys
            if foreign:
                raise ValueError(f"{path} holds another network, differing in {', '.join(foreign)}")
        print(f"starts with the averaged weights of {path}", flush=True)

    def save(self) -> None:
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser")}
        state |= {"step": self.step, "history": json.dumps(self.history)}
        state["settings"] = json.dumps([self.settings.network, self.settings.train["seed"]])
        partial = self.path.with_suffix(".part")
        torch.save(state, partial)
        partial.rename(self.path)

    def train(self, stream: DataLoader, validation: list) -> None:
        started, first, parts = time.monotonic(), self.step, []
        for canvas, faces, ignored in stream:
            parts.append(self.learn(canvas, faces, ignored))
            self.step += 1
            if self.step % self.train_settings["checkpoint_steps"] == 0 or self.step == self.train_settings["steps"]:
                mean = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
                mean |= {"step": self.step, "steps_per_s": (self.step - first) / (time.monotonic() - started)}
                mean |= measure(self.average, validation, self.settings)
                self.history.append(mean)
                print(" ".join(f"{name} {value:.4g}" for name, value in mean.items()), flush=True)
                self.save()
                parts = []

    def learn(self, canvas: torch.Tensor, faces: list, ignored: list) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.network.train()
        canvas = canvas.float().contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = self.network(canvas)
        outputs = [tuple(map_.float() for map_ in level) for level in outputs]
        loss, parts = detector_loss(outputs, assign(faces, ignored, canvas.shape[-1]), self.weights)
        if not torch.isfinite(loss):
            raise RuntimeError(f"the loss is not finite at step {self.step}: lower the learning rate")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimiser.step()
        self.follow()
        return parts

    def learning_rate(self) -> float:
        """Linear warm-up, level, half a cosine to 1 % over the last `decay_steps`."""
        warm, steps = self.train_settings["warmup_steps"], self.train_settings["steps"]
        decay = self.train_settings["decay_steps"]
        if self.step < warm:
            return self.train_settings["learning_rate"] * (self.step + 1) / warm
        share = max(0, self.step - (steps - decay)) / decay
        return self.train_settings["learning_rate"] * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * share)))

    @torch.no_grad()
    def follow(self) -> None:
        keep = min(self.train_settings["ema"], (self.step + 1) / (self.step + 10))
        for old, new in zip(self.average.state_dict().values(), self.network.state_dict().values()):
            old.lerp_(new, 1 - keep) if old.dtype.is_floating_point else old.copy_(new)


@torch.no_grad()
def measure(network: FaceDetector, validation: list, settings: Settings) -> dict[str, float]:
    deployed, agreement = DeployedDetector(network.eval()), Agreement()
    for image, teacher in validation:
        padded, scale = fit_frame(image, settings.deploy["input_px"])
        blob = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1)))[None].float()
        outputs = [map_.numpy() for map_ in deployed(blob)]
        faces = decode(outputs, settings.deploy["score_threshold"], settings.deploy["nms_iou"])
        faces[:, :14] /= scale
        agreement.add(faces, teacher, settings.data["keep_score"])
    return agreement.summary()


if __name__ == "__main__":
    main()
