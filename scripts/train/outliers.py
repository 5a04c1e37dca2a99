"""Pictures that are no photographed face as serving crops it: what the distance from the training data should find.

Each kind is a function from a genuine canvas and a random generator to a canvas, RGB uint8 [256, 256, 3]. `non_face`
ignores the face and cuts a square out of scikit-image's photographs and textures.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import skimage.data

CANVAS_PX = 256
SCENES = ("chelsea", "coffee", "rocket", "hubble_deep_field", "brick", "grass", "gravel", "text", "page", "coins", "horse",
          "retina", "moon", "immunohistochemistry", "clock", "colorwheel")


@functools.cache
def scene(name: str) -> np.ndarray:
    """One of scikit-image's pictures as RGB uint8."""
    picture = getattr(skimage.data, name)()
    if picture.dtype == bool:
        picture = np.uint8(255) * picture
    return np.ascontiguousarray(picture[..., :3]) if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)


def non_face(_: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = scene(str(rng.choice(SCENES)))
    side = int(min(picture.shape[:2]) * rng.uniform(0.4, 1.0))
    top, left = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
    return cv2.resize(picture[top : top + side, left : left + side], (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_AREA)


def cartoon(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flat areas of few colours inside dark outlines."""
    flat = cv2.edgePreservingFilter(face, flags=cv2.RECURS_FILTER, sigma_s=60, sigma_r=0.5)
    steps = int(rng.integers(24, 56))
    flat = (flat // steps) * steps + steps // 2
    grey = cv2.medianBlur(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), 5)
    outlines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return cv2.bitwise_and(flat, flat, mask=outlines)


def pencil_drawing(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grey, coloured = cv2.pencilSketch(np.ascontiguousarray(face), sigma_s=60, sigma_r=0.07, shade_factor=0.05)
    return coloured if rng.random() < 0.5 else cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def oil_painting(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return cv2.stylization(np.ascontiguousarray(face), sigma_s=60, sigma_r=0.45)


def negative(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return 255 - face


def exchanged_channels(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Red for blue: a program that mistook BGR for RGB."""
    return np.ascontiguousarray(face[..., ::-1])


def upside_down(face: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(face[::-1, ::-1])


def sideways(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(face, 1 if rng.random() < 0.5 else 3))


def heavy_noise(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(face + rng.normal(0, rng.uniform(50, 100), face.shape), 0, 255).astype(np.uint8)


def extreme_blur(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(face, (0, 0), rng.uniform(8, 16))


KINDS = {
    "non_face": non_face, "cartoon": cartoon, "pencil_drawing": pencil_drawing, "oil_painting": oil_painting, "negative": negative,
    "exchanged_channels": exchanged_channels, "upside_down": upside_down, "sideways": sideways, "heavy_noise": heavy_noise,
    "extreme_blur": extreme_blur,
}
# The setting is chosen on these; what it finds of the others is the honest figure.
CHOOSING_KINDS = ("non_face", "pencil_drawing", "negative", "sideways", "heavy_noise")
