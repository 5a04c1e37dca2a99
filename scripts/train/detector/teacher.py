"""Labels by the teacher: YuNet at several scales, mirrored and not, merged into one face each."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from geometry import MIRROR, box_iou

LONG_SIDES = ((500, False), (250, True), (125, True))  # pixels, whether the mirror image is also read
MERGE_IOU = 0.45


class Teacher:
    """Faces as rows [x, y, w, h, 5 x (x, y), score] in pixels of the image."""

    def __init__(self, path: Path, minimum_score: float):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: the teacher is part of the training data, see its README")
        self.network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), minimum_score, 0.3, 5000)

    def detect(self, image: np.ndarray) -> np.ndarray:
        self.network.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self.network.detect(np.ascontiguousarray(image))
        return np.zeros((0, 15), np.float32) if rows is None else rows

    def label(self, image: np.ndarray) -> np.ndarray:
        found = []
        for side, mirrored in LONG_SIDES:
            scale = min(2.0, side / max(image.shape[:2]))
            size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            resized = cv2.resize(image, size, interpolation=method)
            ratio = np.tile([image.shape[1] / size[0], image.shape[0] / size[1]], 7).astype(np.float32)
            for flip in (False, True) if mirrored else (False,):
                rows = self.detect(resized[:, ::-1] if flip else resized)
                rows = unmirror(rows, size[0]) if flip else rows.copy()
                rows[:, :14] *= ratio
                found.append(rows)
        return merge(np.concatenate(found))


def unmirror(rows: np.ndarray, width: int) -> np.ndarray:
    rows = rows.copy()
    rows[:, 0] = width - rows[:, 0] - rows[:, 2]
    points = rows[:, 4:14].reshape(-1, 5, 2)[:, MIRROR]
    points[..., 0] = width - points[..., 0]
    rows[:, 4:14] = points.reshape(-1, 10)
    return rows


def merge(rows: np.ndarray) -> np.ndarray:
    """Averages detections of one face, weighted towards the sure ones; the score is the highest."""
    rows, merged = rows[np.argsort(-rows[:, 14], kind="stable")], []
    while len(rows):
        same = box_iou(rows[:1, :4], rows[:, :4])[0] >= MERGE_IOU
        same[0] = True
        group, rows = rows[same], rows[~same]
        weight = np.maximum(group[:, 14] - 0.5, 0.01)[:, None]
        mean = (group * weight).sum(0) / weight.sum()
        mean[14] = group[0, 14]
        merged.append(mean)
    return np.array(merged, np.float32).reshape(-1, 15)


class RememberingTeacher(Teacher):
    """Keeps its labels in a file, by the picture's content, so that evaluations after the first are quick."""

    def __init__(self, path: Path, minimum_score: float, memory: Path):
        super().__init__(path, minimum_score)
        self.memory, self.known = memory, {}
        if memory.is_file():
            with np.load(memory) as stored:
                self.known = dict(stored)

    def label(self, image: np.ndarray) -> np.ndarray:
        key = hashlib.sha1(f"{image.shape}".encode() + image.tobytes()).hexdigest()
        if key not in self.known:
            self.known[key] = super().label(image)
        return self.known[key]

    def save(self) -> None:
        np.savez(self.memory, **self.known)
