"""Other mouths for a face, as lip-sync programs give it: another expression, another person, the same mouth moved.

Every function returns RGB uint8 [C, C, 3] lined up with the target around the mouth; landmarks are in pixels of a CANVAS_PX canvas.
"""

from __future__ import annotations

import cv2
import numpy as np

from faces import CANVAS_PX, similarity
from layers import rescale

NOSE_AND_MOUTH = [2, 3, 4]


def mouth_of(other: np.ndarray, other_landmarks: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Another canvas moved so that its nose and mouth corners lie on the target's."""
    scale = other.shape[0] / CANVAS_PX
    matrix = similarity(scale * other_landmarks[NOSE_AND_MOUTH], scale * landmarks[NOSE_AND_MOUTH])
    return cv2.warpAffine(other, matrix, other.shape[:2], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def moved_mouth(target: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The target with its own mouth opened or closed, widened or narrowed, shifted: a smooth warp that ends at nose and chin."""
    size = target.shape[0]
    scale = size / CANVAS_PX
    left, right = landmarks[3] * scale, landmarks[4] * scale
    width = max(float(np.linalg.norm(right - left)), 8 * scale)
    centre = (left + right) / 2 + rng.normal(0, 0.05, 2) * width
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)
    away = grid - centre.astype(np.float32)
    near = np.exp(-(((away / (width * np.array([0.75, 0.5], np.float32))) ** 2).sum(-1)))[..., None].astype(np.float32)
    stretch = np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.6, 0.6)], np.float32)
    shift = (rng.normal(0, 0.06, 2) * width).astype(np.float32)
    lookup = grid + near * (away * stretch + shift)
    return cv2.remap(target, lookup, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def as_drawn_small(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lip-sync generators draw faces of about 96 px: less detail, enlarged."""
    return rescale(image, rng, rng.uniform(0.3, 0.6))
