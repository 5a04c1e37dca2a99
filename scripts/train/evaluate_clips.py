"""Score real video files, sorted by hand into DIR/real and DIR/fake, with the exported bundle. Evaluation only.

    python scripts/train/evaluate_clips.py --models models --clips DIR --report clips.md

32 evenly spaced frames of each file, decoded from the start; of each the largest face YuNet finds, aligned as served. A
picture (.jpg, .png) counts as a clip of one frame; crops cut close are given a border, so that their face is found. Files of
equal content count once: published folders repeat pictures between their training and test parts.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from evaluate import FRAMES_SCORED, Bundle, auc_with_interval
from faces import CANVAS_PX, FaceFinder, align, read_frames
from settings import DATA_DIR, MODELS_DIR

FRAMES = 32
PICTURES = (".jpg", ".png")


def aligned_frames(path: Path, finder: FaceFinder) -> np.ndarray:
    """Canvases u8 [T, C, C, 3] RGB, T <= 32: frames without a face are left out."""
    frames = [bordered(cv2.imread(str(path)))] if path.suffix in PICTURES else read_frames(path)
    crops = []
    for index in np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int):
        landmarks = finder.largest(frames[index])
        if landmarks is not None:
            canvas, _ = align(frames[index], landmarks)
            crops.append(canvas[..., ::-1])
    return np.stack(crops) if crops else np.empty((0, CANVAS_PX, CANVAS_PX, 3), np.uint8)


def distinct(folder: Path) -> list[Path]:
    """The files of a folder, of those with equal content the first."""
    found: dict[bytes, Path] = {}
    for path in sorted(folder.iterdir()):
        found.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
    return list(found.values())


def bordered(picture: np.ndarray) -> np.ndarray:
    edge = max(picture.shape[:2]) // 4
    return cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_REFLECT_101)


def report(bundle: Bundle, folder: Path, data_dir: Path) -> str:
    finder, rows = FaceFinder(data_dir), []
    files = [(path, label == "fake") for label in ("real", "fake") for path in distinct(folder / label)]
    for path, forged in tqdm(files):
        frames = aligned_frames(path, finder)
        if len(frames):
            raw = bundle.raw(frames)
            rows.append({"name": path.stem, "forged": forged, "still": len(frames) == 1,
                         "sequence": raw.sequence, "frame": raw.frame, "distance": raw.distance})
    scores = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    forged, still = scores["forged"], scores["still"]
    fused = np.where(still, *(bundle.probability(scores["sequence"], scores["frame"], stills) for stills in (True, False)))
    lines = [f"{len(rows)} of {len(files)} files gave a face, {forged.sum()} of them forged.", "", "| model | AUC (95 % interval) |", "|---|---|"]
    for name, column in ((bundle.bundle["sequence"], scores["sequence"]), (bundle.bundle["frame"], scores["frame"]), ("fused", fused)):
        lines.append("| {} | {:.2f} ({:.2f}-{:.2f}) |".format(name, *auc_with_interval(column, forged, scores["name"])))
    verdicts = np.where(still, *(bundle.verdicts(scores, stills) for stills in (True, False)))
    lines += ["", "| | called FAKE | INCONCLUSIVE | called REAL |", "|---|---|---|---|"]
    for name, mine in (("genuine", ~forged), ("forged", forged)):
        counts = [(verdicts[mine] == verdict).sum() for verdict in ("FAKE", "INCONCLUSIVE", "REAL")]
        lines.append(f"| {name} ({mine.sum()}) | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=FRAMES_SCORED, help="that the frame model scores of a clip")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    text = report(Bundle(arguments.models, arguments.frames), arguments.clips, arguments.data.resolve())
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
