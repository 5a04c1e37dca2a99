"""The training images, who is on them, and the project's split by person (scripts/train/splits.csv)."""

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))
from split import person_of, splits  # noqa: E402  (one folder up, shared by all models)


@dataclass(frozen=True)
class Picture:
    """One image: `key` is unique, `frame` is the frame number for clips and -1 for files."""

    key: str
    path: Path
    frame: int
    source: str
    person: str
    part: str  # train | validation | test


def list_pictures(root: Path, sources: list[str], grid_frame_step: int) -> list[Picture]:
    pictures: list[Picture] = []
    for source in sources:
        for path in sorted((root / source).iterdir()):
            relative = f"{source}/{path.name}"
            if path.suffix == ".mpg":
                pictures += clip_pictures(path, relative, grid_frame_step)
            elif path.suffix == ".jpg":
                pictures.append(Picture(relative, path, -1, *whose(path)))
    return pictures


def clip_pictures(path: Path, relative: str, step: int) -> list[Picture]:
    owner = whose(path)
    return [Picture(f"{relative}#{frame}", path, frame, *owner) for frame in range(0, len(read_clip(path)), step)]


def whose(path: Path) -> tuple[str, str, str]:
    """Source, person and part of a file."""
    person = person_of(path)
    return path.parent.name, person, splits()[person]


def read_clip(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames
        frames.append(frame)


def read_all(pictures: list[Picture]) -> list[np.ndarray]:
    """Decodes every picture (BGR); clips are decoded once."""
    clips: dict[Path, list[np.ndarray]] = {}
    images = []
    for picture in pictures:
        if picture.frame < 0:
            image = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
            if image is None:
                raise ValueError(f"{picture.path} cannot be decoded")
            images.append(image)
            continue
        if picture.path not in clips:
            clips[picture.path] = read_clip(picture.path)
        images.append(clips[picture.path][picture.frame])
    return images
