"""Labels every training picture with the teacher; finished parts are kept, so a rerun resumes.

    python scripts/train/detector/label.py --config scripts/train/detector/config.toml
"""

import argparse
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from configuration import Settings, load_settings
from sources import Picture, list_pictures, read_all
from teacher import Teacher

CHUNK = 250


def label_all(settings: Settings, processes: int = 2) -> tuple[list[Picture], list[np.ndarray]]:
    """Returns the pictures and, for each, its faces ([n,15])."""
    pictures = list_pictures(settings.data_root, settings.data["sources"], settings.data["grid_frame_step"])
    folder = settings.cache / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (settings, pictures[start : start + CHUNK], folder / f"{start:06}.npz")
        for start in range(0, len(pictures), CHUNK)
    ]
    todo = [job for job in jobs if not is_current(job)]
    if todo:
        with Pool(processes) as pool:
            list(tqdm(pool.imap_unordered(label_chunk, todo), total=len(todo), desc="teacher", unit="chunk"))
    return pictures, [faces for job in jobs for faces in load_chunk(job[2])]


def is_current(job: tuple[Settings, list[Picture], Path]) -> bool:
    _, pictures, path = job
    if not path.is_file():
        return False
    with np.load(path) as stored:
        return stored["keys"].tolist() == [picture.key for picture in pictures]


def label_chunk(job: tuple[Settings, list[Picture], Path]) -> None:
    settings, pictures, path = job
    cv2.setNumThreads(1)
    teacher = Teacher(settings.teacher, settings.data["ignore_score"])
    faces = [teacher.label(image) for image in read_all(pictures)]
    partial = path.with_suffix(".part.npz")
    np.savez(
        partial,
        keys=np.array([picture.key for picture in pictures]),
        counts=np.array([len(rows) for rows in faces]),
        faces=np.concatenate(faces),
    )
    partial.rename(path)


def load_chunk(path: Path) -> list[np.ndarray]:
    with np.load(path) as stored:
        return np.split(stored["faces"], np.cumsum(stored["counts"])[:-1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    label_all(load_settings(parser.parse_args().config))
