"""What cameras and networks do to a picture: light, colour, blur, noise, compression."""

import cv2
import numpy as np


def relight(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Gamma, gain, contrast and colour cast through one table per channel; sometimes grey or side-lit."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.normal(0, 0.35))
    gain = rng.uniform(0.25, 1.0) if rng.random() < 0.25 else rng.uniform(0.75, 1.25)
    contrast = rng.uniform(0.6, 1.35)
    cast = rng.uniform(0.85, 1.15, 3) if rng.random() < 0.6 else np.ones(3)
    curve = (levels**gamma - 0.5) * contrast + 0.5
    table = np.clip(curve[:, None] * gain * cast[None] * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    if rng.random() < 0.12:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return side_light(rng, image) if rng.random() < 0.2 else image


def side_light(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    corners = rng.uniform(0.25, 1.2, (2, 2)).astype(np.float32)
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def degrade(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Applied to the finished canvas."""
    if rng.random() < 0.25:
        image = soften(rng, image)
    if rng.random() < 0.25:
        sigma = rng.uniform(2, 18)
        noise = rng.standard_normal(image.shape[:2] + (rng.choice([1, 3]),), np.float32) * sigma
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(20, 96))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def soften(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    kind = rng.integers(3)
    if kind == 0:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    if kind == 1:
        size = int(rng.integers(3, 9))
        kernel = np.zeros((size, size), np.float32)
        kernel[size // 2] = 1 / size
        turn = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (size, size))
        return cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-3))
    height, width = image.shape[:2]
    share = rng.uniform(0.4, 0.9)
    small = cv2.resize(image, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
