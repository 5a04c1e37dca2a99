"""Turns heads a little: a picture's faces are moved as the surface of a rotating head would move.

The head is a soft bump of depth z over the picture with the nose as a second bump; a rotation by theta about the
vertical axis moves a point at distance u from the head's axis to u cos(theta) + (z - z_eyes) sin(theta). Both bumps are
shallow enough for the map to stay one-to-one up to 30 degrees, and it fades to the identity away from the head.
"""

import math

import cv2
import numpy as np

LARGEST_DEGREES = 30.0
HEAD_DEPTH, HEAD_REACH = 0.45, 0.40  # of the face's width
NOSE_DEPTH, NOSE_REACH = 0.13, 0.13
FIXED_POINT_ROUNDS = 6
GRID = 64


def turn_head(rng: np.random.Generator, image: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns the largest face of the picture by up to 30 degrees to either side; boxes follow their sides' middles."""
    if not len(faces):
        return image, faces
    face = faces[np.argmax(faces[:, 2] * faces[:, 3])]
    theta = math.radians(rng.uniform(-LARGEST_DEGREES, LARGEST_DEGREES))
    height, width = image.shape[:2]
    source, down = source_map(face, theta, width, height)
    turned = cv2.remap(image, source, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    moved = faces.copy()
    middle = faces[:, 1] + faces[:, 3] / 2
    left, right = faces[:, 0], faces[:, 0] + faces[:, 2]
    moved[:, 0] = left + shift(left, middle, face, theta)
    moved[:, 2] = right + shift(right, middle, face, theta) - moved[:, 0]
    points = moved[:, 4:14].reshape(-1, 5, 2)
    points[..., 0] += shift(points[..., 0], points[..., 1], face, theta)
    return turned, moved


def source_map(face: np.ndarray, theta: float, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel, where it comes from: x and y, each [height,width].

    The forward map is inverted by fixed point on a grid of GRID points a side; being smooth it is then interpolated.
    """
    columns, rows = ((np.arange(GRID, dtype=np.float32) + 0.5) / GRID * side - 0.5 for side in (width, height))
    across, down = np.meshgrid(columns, rows)
    moved = np.zeros_like(across)
    for _ in range(FIXED_POINT_ROUNDS):
        moved = shift(across - moved, down, face, theta)
    moved = cv2.resize(moved, (width, height), interpolation=cv2.INTER_LINEAR)
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return across - moved, down


def shift(x: np.ndarray, y: np.ndarray, face: np.ndarray, theta: float) -> np.ndarray:
    """Horizontal displacement at (x, y) in pixels."""
    width, eyes, nose = face[2], face[4:8].reshape(2, 2), face[8:10]
    u = (x - eyes[:, 0].mean()) / width
    v = (y - (face[1] + face[3] / 2)) / face[3]
    bump = HEAD_DEPTH * np.exp(-(u**2) / (2 * HEAD_REACH**2))
    ridge = ((x - nose[0]) / width) ** 2 + (0.6 * (y - nose[1]) / width) ** 2
    depth = bump - HEAD_DEPTH * 0.85 + NOSE_DEPTH * np.exp(-ridge / (2 * NOSE_REACH**2))
    fade = np.exp(-((u / 0.75) ** 4) - (v / 0.85) ** 4)
    return width * fade * (u * (math.cos(theta) - 1) + depth * math.sin(theta))
