"""What one layer of a blend goes through before blending: colour, sharpness, resampling, small movement.

Every function takes and returns RGB uint8 [H, W, 3]; `strength` is 0 (nothing to see) .. 1 (plain to see).
"""

from __future__ import annotations

import cv2
import numpy as np

KERNELS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)


def shift_colour(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Channel gains and offsets, saturation and contrast, as one 3x4 colour matrix."""
    gain = 1 + rng.uniform(-0.16, 0.16, 3) * strength
    saturation = 1 + rng.uniform(-0.35, 0.35) * strength
    contrast = 1 + rng.uniform(-0.2, 0.2) * strength
    grey = np.full((3, 3), 1 / 3)
    matrix = contrast * np.diag(gain) @ (saturation * np.eye(3) + (1 - saturation) * grey)
    offset = rng.uniform(-18, 18, 3) * strength + 118 * (1 - contrast)
    return cv2.transform(image, np.hstack([matrix, offset[:, None]]))


def shift_frequency(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Softer or sharper: blur, down- and up-scaling, unsharp mask, or JPEG of its own."""
    kind = rng.choice(["blur", "rescale", "sharpen", "jpeg"], p=[.3, .35, .2, .15])
    if kind == "blur":
        return cv2.GaussianBlur(image, (0, 0), 0.5 + rng.uniform(0.3, 2.2) * strength)
    if kind == "rescale":
        return rescale(image, rng, 1 - rng.uniform(0.25, 0.7) * strength)
    if kind == "sharpen":
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 2.0))
        amount = rng.uniform(0.4, 1.6) * strength
        return cv2.addWeighted(image, 1 + amount, soft, -amount, 0)
    return jpeg(image, int(90 - 60 * strength * rng.random()))


def rescale(image: np.ndarray, rng: np.random.Generator, ratio: float) -> np.ndarray:
    """Down to `ratio` of the size and back, each with a random kernel."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(8, int(width * ratio)), max(8, int(height * ratio))), interpolation=int(rng.choice(KERNELS)))
    return cv2.resize(small, (width, height), interpolation=int(rng.choice(KERNELS[:3])))


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Through a real JPEG encoder (RGB in, RGB out)."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def upsampling_traces(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """The periodic pattern of transposed convolutions: a zero-inserted enlargement, imperfectly smoothed."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    sparse = np.zeros((height, width, 3), np.float32)
    sparse[::2, ::2] = small * 4
    kernel = np.array([1, 2, 1], np.float32) + rng.normal(0, 0.12 + 0.25 * strength, 3).astype(np.float32)
    kernel /= kernel.sum()
    dense = cv2.sepFilter2D(sparse, -1, kernel, kernel)
    mix = 0.3 + 0.7 * strength
    return np.clip(image * (1 - mix) + dense * mix, 0, 255).astype(np.uint8)


def nudge(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A small similarity about the centre: up to 4 % translation, 6 % scale, 4 degrees."""
    size = image.shape[0]
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-4, 4) * strength, 1 + rng.uniform(-0.06, 0.06) * strength)
    matrix[:, 2] += rng.uniform(-0.04, 0.04, 2) * size * strength
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def match_colour(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Reinhard's transfer: the source takes the target's mean and deviation per Lab channel inside the mask."""
    source_lab = cv2.cvtColor(source, cv2.COLOR_RGB2LAB)
    target_lab = cv2.cvtColor(target, cv2.COLOR_RGB2LAB)
    inside = (mask[..., 0] > 0.5).astype(np.uint8)
    mean_s, deviation_s = cv2.meanStdDev(source_lab, mask=inside)
    mean_t, deviation_t = cv2.meanStdDev(target_lab, mask=inside)
    gain = np.clip(deviation_t / np.maximum(deviation_s, 1), 0.5, 2)
    moved = cv2.transform(source_lab, np.hstack([np.diag(gain[:, 0]), mean_t - gain * mean_s]))
    return cv2.cvtColor(moved, cv2.COLOR_LAB2RGB)
