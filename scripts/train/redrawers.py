"""The learnt tools that forgeries use, loaded once: whatever draws a face, or a whole picture, anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoencoder import Autoencoder, load_autoencoder
from generators import GeneratorBank, load_bank
from redrawing import RedrawingAutoencoder, load_redrawing
from settings import CACHE_DIR
from super_resolution import CHANCES, SuperResolution, load_super_resolution


@dataclass
class Redrawers:
    bottleneck: Autoencoder  # of faces alone: loses detail
    light: RedrawingAutoencoder  # of any picture: nearly as it was
    super_resolution: list[SuperResolution]  # of any picture: learnt enlargement
    bank: GeneratorBank | None = None  # what generators drew, where a GPU had them draw

    def enlarge(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """RGB uint8 [S, S, 3] shrunk and redrawn by one of the super-resolution networks."""
        chosen = int(rng.choice(len(self.super_resolution), p=list(CHANCES.values())))
        return self.super_resolution[chosen].redraw(image, rng)

    def any_of_face(self, canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A canvas with the face redrawn by one of the tools."""
        kind = str(rng.choice(["bottleneck", "light", "super_resolution"], p=[.45, .3, .25]))
        if kind == "bottleneck":
            return self.bottleneck.redraw(canvas, rng)
        inner, result = face_square(canvas.shape[0]), canvas.copy()
        draw = self.light.redraw if kind == "light" else self.enlarge
        result[inner, inner] = draw(np.ascontiguousarray(canvas[inner, inner]), rng)
        return result


def face_square(canvas_px: int) -> slice:
    """The square of the canvas that holds the face, both axes: three quarters of the side, a multiple of 12."""
    side = canvas_px * 3 // 4 // 12 * 12
    return slice((canvas_px - side) // 2, (canvas_px - side) // 2 + side)


def load_redrawers(cache_dir: Path = CACHE_DIR) -> Redrawers:
    needed = {"autoencoder.pt": "autoencoder.py", "redrawing.pt": "redrawing.py"}
    for name, script in needed.items():
        if not (cache_dir / name).exists():
            raise SystemExit(f"{cache_dir / name} is missing; run: python scripts/train/{script}")
    return Redrawers(load_autoencoder(cache_dir), load_redrawing(cache_dir), load_super_resolution(cache_dir), load_bank(cache_dir))
