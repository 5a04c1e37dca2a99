"""The classical baseline: statistics of high frequencies and colour, inside the face against around it, and a linear model.

    python scripts/train/baseline.py --report baseline.md

Trained on the pool's training stills, measured like the networks on the single frames and (mean score) on the videos of
the validation part. What the networks cannot beat they have not learned.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from evaluate import STILL_FRAMES, auc_with_interval
from faces import CANVAS_LANDMARKS
from masks import region_mask
from pairs import shrink
from settings import CACHE_DIR
from stills import StillPool

SIZE_PX = 128
PAIRS = 6000
INSIDE = cv2.resize(region_mask(CANVAS_LANDMARKS, "face"), (SIZE_PX, SIZE_PX)) > 0.5
BANDS = [(u, v) for u in range(8) for v in range(8) if 2 <= u + v <= 10 and u <= v]


def statistics(picture: np.ndarray) -> np.ndarray:
    """Features of one aligned face u8 [128, 128, 3] RGB: of the inside, and their difference to the outside."""
    maps = frequency_maps(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32))
    inside, outside = (np.array([np.log1p(m[cv2.resize(region.astype(np.uint8), m.shape[::-1]) > 0].mean()) for m in maps]) for region in (INSIDE, ~INSIDE))
    return np.concatenate([inside, inside - outside])


def frequency_maps(channels: np.ndarray) -> list[np.ndarray]:
    """Energy maps: three Laplacian levels of every channel, and DCT bands of 8x8 blocks of the luma."""
    maps, level = [], channels
    for _ in range(3):
        blurred = cv2.GaussianBlur(level, (0, 0), 1.2)
        maps += list(np.moveaxis((level - blurred) ** 2, 2, 0))
        level = cv2.resize(blurred, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    blocks = channels[..., 0].reshape(SIZE_PX // 8, 8, SIZE_PX // 8, 8).transpose(0, 2, 1, 3)
    basis = cv2.dct(np.eye(8, dtype=np.float32))
    energy = (basis @ blocks @ basis.T) ** 2
    return maps + [energy[..., u, v] + energy[..., v, u] for u, v in BANDS]


def training_set(cache_dir: Path) -> tuple[np.ndarray, np.ndarray]:
    pool, rng = StillPool("train", cache_dir), np.random.default_rng(7)
    pool.take(50)
    features, labels = [], []
    for _ in tqdm(range(PAIRS // 50), desc="training stills"):
        batch = pool.batch(50, {"medium": 0.4, "full": 0.6}, rng)
        features += [statistics(picture) for picture in np.ascontiguousarray(batch["images"].permute(0, 2, 3, 1).numpy())]
        labels.append(batch["labels"].numpy())
    return np.stack(features), np.concatenate(labels)


def measure(model, split: str, cache_dir: Path) -> str:
    people, forged, scores = [], [], []
    for path in tqdm(sorted((cache_dir / "videos" / split).glob("*.npz")), desc=split):
        stored = np.load(path)
        for family, frames in zip(stored["families"], stored["frames"]):
            features = np.stack([statistics(shrink(frames[t], SIZE_PX)) for t in STILL_FRAMES])
            scores.append(model.decision_function(features))
            people.append(str(stored["person"]))
            forged.append(family != "genuine")
    people, forged, scores = np.array(people), np.array(forged), np.array(scores)
    frames = auc_with_interval(scores.ravel(), np.repeat(forged, len(STILL_FRAMES)), np.repeat(people, len(STILL_FRAMES)))
    videos = auc_with_interval(scores.mean(1), forged, people)
    rows = [f"| {name} | " + "{:.3f} ({:.3f}-{:.3f}) |".format(*values) for name, values in (("single frames", frames), ("videos", videos))]
    return "\n".join(["| classical baseline, " + split + " | AUC (95 % interval) |", "|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--videos", choices=["validation", "test"], default="validation")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(*training_set(arguments.cache))
    text = measure(linear, arguments.videos, arguments.cache)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
