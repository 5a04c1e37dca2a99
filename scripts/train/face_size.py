"""How small a face may be: AUC of the bundle on validation videos whose faces are made smaller, for the choice of `min_face_px`.

    python scripts/train/face_size.py --models models --report face-size.md

Every stored video is shrunk to faces of so many pixels (shorter side of the detector's box), coded once more as JPEG and
enlarged again as serving does; of each two frames are scored, as one track. Videos keep what their own journey took from
them, so a face of `stored` size is not a perfect one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from evaluate import Bundle, auc_with_interval, evenly
from layers import jpeg
from settings import CACHE_DIR, MODELS_DIR

BOX_SHARE = 0.485  # width of the detector's box over the canvas's side: 1.97 times the distance of the eyes
SIZES_PX = (24, 32, 40, 48, 64)
FRAMES = 2
QUALITY = 85


def shrunk_faces(canvases: np.ndarray, face_px: int) -> np.ndarray:
    """Canvases u8 [T, C, C, 3] whose faces had only so many pixels."""
    side = canvases.shape[1]
    small = round(face_px / BOX_SHARE)
    stored = [jpeg(cv2.resize(canvas, (small, small), interpolation=cv2.INTER_AREA), QUALITY) for canvas in canvases]
    return np.stack([cv2.resize(canvas, (side, side), interpolation=cv2.INTER_LINEAR) for canvas in stored])


def report(bundle: Bundle, cache_dir: Path) -> str:
    scores: dict[int, list[tuple[float, float]]] = {size: [] for size in (*SIZES_PX, 0)}
    forged, people = [], []
    for path in tqdm(sorted((cache_dir / "videos/validation").glob("*.npz"))):
        stored = np.load(path)
        for family, frames in zip(stored["families"], stored["frames"]):
            frames = frames[evenly(len(frames), FRAMES)]
            for size in scores:
                raw = bundle.raw(shrunk_faces(frames, size) if size else frames)
                scores[size].append((raw.sequence, raw.frame))
            forged.append(str(family) != "genuine")
            people.append(str(stored["person"]))
    forged, people = np.array(forged), np.array(people)
    lines = [f"{len(forged)} videos, {forged.sum()} forged, {FRAMES} frames of each.", "",
             "| face, shorter side | AUC, fused (95 % interval) | genuine called FAKE | genuine with a verdict | forged with a verdict |",
             "|---|---|---|---|---|"]
    for size, pairs in scores.items():
        fused = bundle.probability(*np.array(pairs).T)
        auc = "{:.3f} ({:.3f}-{:.3f})".format(*auc_with_interval(fused, forged, people))
        limits = bundle.bundle["thresholds"]
        fake, real = fused >= limits["fake_at_or_above"], fused <= limits["real_at_or_below"]
        decided = fake | real
        lines.append(f"| {f'{size} px' if size else 'stored'} | {auc} | {fake[~forged].mean():.0%} | {decided[~forged].mean():.0%} | {decided[forged].mean():.0%} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    text = report(Bundle(arguments.models, FRAMES), arguments.cache)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
