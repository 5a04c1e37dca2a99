"""Boxes and landmarks: rows are [x, y, w, h, 5 x (x, y), score]."""

import numpy as np

MIRROR = [1, 0, 2, 4, 3]  # landmark order after a horizontal flip


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of [N,4] and [M,4] boxes given as x, y, w, h."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:4])[:, None], (second[:, :2] + second[:, 2:4])[None])
    inter = np.clip(high - low, 0, None).prod(-1)
    areas = first[:, 2:4].prod(-1)[:, None] + second[:, 2:4].prod(-1)[None]
    return inter / np.maximum(areas - inter, 1e-9)


def covered_share(boxes: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Share of each box that lies inside the rectangle."""
    width = np.minimum(boxes[:, 0] + boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0)
    height = np.minimum(boxes[:, 1] + boxes[:, 3], y1) - np.maximum(boxes[:, 1], y0)
    area = np.maximum(boxes[:, 2] * boxes[:, 3], 1e-6)
    return np.clip(width, 0, None) * np.clip(height, 0, None) / area


def transform_faces(faces: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Faces under a 2x3 affine map. A box is treated as the ellipse inside it, which keeps it tight under rotation."""
    moved = faces.copy()
    centres = faces[:, :2] + faces[:, 2:4] / 2
    half = np.sqrt((matrix[None, :, :2] ** 2 * (faces[:, None, 2:4] / 2) ** 2).sum(-1))
    centres = centres @ matrix[:, :2].T + matrix[:, 2]
    moved[:, :2], moved[:, 2:4] = centres - half, 2 * half
    points = faces[:, 4:14].reshape(-1, 5, 2) @ matrix[:, :2].T + matrix[:, 2]
    if np.linalg.det(matrix[:, :2]) < 0:
        points = points[:, MIRROR]
    moved[:, 4:14] = points.reshape(-1, 10)
    return moved


def turn_of(face: np.ndarray) -> float:
    """How far the nose lies beside the middle of the eyes, in eye distances: 0 frontal, over 0.3 turned."""
    right, left, nose = face[4:10].reshape(3, 2)
    axis = left - right
    return float(abs((nose - (right + left) / 2) @ axis) / max(axis @ axis, 1e-6))
