"""Write the videos that evaluation scores as files, with the table that `framewitness evaluate` reads.

    python scripts/train/video_files.py --videos test
    framewitness evaluate ~/.cache/framewitness/train/video-files/test/videos.csv --protocol deepfakebench

The pool keeps the face as the networks see it, after its journey. It is put back at the size of the aligned canvas into a
frame of its own border, blurred, where a face detector finds it; coding is so fine that the journey stays the only one
that matters. The service then detects and aligns for itself, so its scores are near those of `evaluate.py`, not equal.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from faces import CANVAS_PX
from settings import CACHE_DIR

EDGE_PX = 128
FRAMES_PER_SECOND, CRF = 25, 10


def framed(face: np.ndarray) -> np.ndarray:
    """u8 [S, S, 3] -> [512, 512, 3]: the canvas in the middle, its edge pixels stretched outwards and blurred."""
    canvas = cv2.resize(face, (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_CUBIC)
    frame = cv2.copyMakeBorder(canvas, *[EDGE_PX] * 4, cv2.BORDER_REPLICATE)
    frame = cv2.GaussianBlur(frame, (0, 0), 12)
    frame[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX] = canvas
    return frame


def encode(frames: np.ndarray, path: Path) -> None:
    """RGB u8 [T, H, W, 3] into an .mp4."""
    height, width = frames.shape[1:3]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FRAMES_PER_SECOND), "-i", "-"]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(CRF), "-threads", "1", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *raw, *coding, str(path)], input=frames.tobytes(), check=True)


def write(split: str, cache_dir: Path) -> Path:
    """<cache>/video-files/<split>: NNN-<family>.mp4, and `videos.csv` with path, label, method and person; the table is given back."""
    folder, rows = cache_dir / "video-files" / split, []
    folder.mkdir(parents=True, exist_ok=True)
    for stored in tqdm(sorted((cache_dir / "videos" / split).glob("*.npz")), desc=split):
        videos = np.load(stored)
        for family, frames in zip(videos["families"], videos["frames"]):
            path = folder / f"{stored.stem}-{family}.mp4"
            if not path.exists():
                encode(np.stack([framed(frame) for frame in frames]), path)
            rows.append([path.name, "REAL" if family == "genuine" else "FAKE", family, videos["person"]])
    with open(folder / "videos.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "method", "person"], *rows])
    return folder / "videos.csv"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", choices=["validation", "test"], required=True)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(write(arguments.videos, arguments.cache))
