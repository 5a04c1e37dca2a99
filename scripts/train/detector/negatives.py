"""Pictures without faces: photographs and textures of scikit-image and scikit-learn, drawn patterns and text."""

from pathlib import Path

import cv2
import numpy as np
import skimage
import skimage.data

TRAIN_FILES = [
    "brick.png", "cell.png", "chessboard_RGB.png", "clock_motion.png", "coins.png", "color.png", "grass.png",
    "gravel.png", "ihc.png", "microaneurysms.png", "moon.png", "motorcycle_left.png", "page.png", "rocket.jpg",
    "horse.png", "logo.png",
]
TEST_FILES = [
    "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_right.png", "retina.jpg", "phantom.png",
    "text.png",
]
WORDS = "the of and face eyes news 12 2026 www video frame verdict street open sale team 7 stop live HD".split()
FONTS = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX]


def photographs(names: list[str]) -> list[np.ndarray]:
    """BGR photographs that come with scikit-image; none shows a person."""
    folder = Path(skimage.data.__file__).parent
    return [cv2.imread(str(folder / name), cv2.IMREAD_COLOR) for name in names if (folder / name).is_file()]


def draw_pattern(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """One of: flat colour, gradient, smooth noise, stripes, discs and dots, text."""
    kind = rng.integers(6)
    first, second = rng.integers(0, 256, (2, 3)).astype(np.float32)
    if kind == 0:
        image = np.broadcast_to(first, (height, width, 3))
    elif kind == 1:
        ramp = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
        ramp = ramp * np.linspace(rng.uniform(0, 1), 1, height, dtype=np.float32)[:, None, None]
        image = first + (second - first) * ramp
    elif kind == 2:
        cells = int(rng.integers(2, 24))
        noise = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    elif kind == 3:
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 60)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        wave = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        image = first + (second - first) * wave[..., None]
    else:
        image = scatter(rng, np.tile(first, (height, width, 1)).astype(np.uint8), text=kind == 5)
    return np.clip(image, 0, 255).astype(np.uint8)


def scatter(rng: np.random.Generator, image: np.ndarray, text: bool) -> np.ndarray:
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(4, 30))):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        at = (int(rng.integers(-20, width)), int(rng.integers(0, height + 20)))
        if text:
            font, size = FONTS[rng.integers(len(FONTS))], rng.uniform(0.3, 2.0)
            cv2.putText(image, WORDS[rng.integers(len(WORDS))], at, font, size, colour, int(rng.integers(1, 4)))
        else:
            axes = (int(rng.integers(2, 50)), int(rng.integers(2, 50)))
            cv2.ellipse(image, at, axes, rng.uniform(0, 180), 0, 360, colour, int(rng.choice([-1, -1, 1, 3])))
    return image
