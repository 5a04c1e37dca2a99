"""Pairs of a genuine face and its forgery after the same journey, made to order.

Quality must not be the clue: both halves of a pair go the same way, and a step holds clean phone pictures and compressed ones,
genuine as well as forged (`JOURNEYS`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from degrade import Journey, cut_closely, draw_clean_journey, draw_journey, moved_mask, travel
from faces import CANVAS_PX, SHARP_EYE_DISTANCE_PX, Faces
from layers import jpeg, rescale
from manipulate import SHARES, TRAINED_FAMILIES, Forger, Recipe, Target
from redrawers import Redrawers

JOURNEYS = ("clean", "compressed", "any")
CODED_BEFORE_SHARE = 0.35  # targets that were coded once before they were forged
LEAST_VISIBLE = 0.002  # share of the canvas that must have changed, else the forger tries again
TRIES = 4


def shrink(canvas: np.ndarray, size_px: int) -> np.ndarray:
    """The serving resize: Pillow's antialiased bilinear on uint8."""
    return np.asarray(Image.fromarray(canvas).resize((size_px, size_px), Image.BILINEAR))


def shrunk(canvases: np.ndarray, size_px: int) -> np.ndarray:
    """[..., C, C, 3] -> [..., size_px, size_px, 3]."""
    flat = np.stack([shrink(canvas, size_px) for canvas in canvases.reshape(-1, *canvases.shape[-3:])])
    return flat.reshape(*canvases.shape[:-3], size_px, size_px, 3)


def small_mask(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask [C, C] in 0..1 as u8 [side, side]."""
    return np.round(255 * cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)).astype(np.uint8)


@dataclass
class Pair:
    """Canvases after their journey, and what there is to know about them."""

    genuine: np.ndarray  # [C, C, 3] uint8 RGB
    forged: np.ndarray
    mask: np.ndarray  # [C, C] float32, 0 where blending changed nothing that could be seen
    family: str
    face: int
    journey: str  # one of JOURNEYS


@dataclass
class Stage:
    """How hard pairs are: the range of the forgers' strength, the most severe journey, the families drawn from and how often each."""

    strength: tuple[float, float]
    severity: float
    families: tuple[str, ...] = TRAINED_FAMILIES
    shares: dict[str, float] = field(default_factory=lambda: SHARES)


class PairMaker:
    def __init__(self, faces: Faces, split: str, rng: np.random.Generator, redrawers: Redrawers):
        self.faces, self.rng = faces, rng
        self.pool = faces.of_split(split)
        self.odds = faces.odds(self.pool)
        self.forger = Forger(faces, self.pool, rng, redrawers)
        self.close_crop_share = 0.0  # of the groups

    def use(self, rng: np.random.Generator) -> None:
        """Draw everything from here on from this generator."""
        self.rng = self.forger.rng = rng

    def group(self, stage: Stage, count: int, kind: str) -> list[Pair]:
        """`count` pairs that share one journey of a kind (and one encoder process)."""
        indices = [int(index) for index in self.rng.choice(self.pool, count, p=self.odds)]
        recipes = [self.recipe(index, stage) for index in indices]
        pictures = [picture for recipe in recipes for picture in (recipe.target, recipe.blended())]
        masks = [visible_mask(recipe, pictures[2 * i + 1]) for i, recipe in enumerate(recipes)]
        journey = self.journey(kind, stage.severity)
        if self.close_crop_share and self.rng.random() < self.close_crop_share:
            journey = cut_closely(journey, self.rng)
        travelled = travel(pictures, journey, self.rng, still=True)
        return [Pair(travelled[2 * i], travelled[2 * i + 1], moved_mask(masks[i], journey), recipe.family, indices[i], kind)
                for i, recipe in enumerate(recipes)]

    def journey(self, kind: str, severity: float) -> Journey:
        if kind == "clean":
            return draw_clean_journey(self.rng, self.faces.canvas_px)
        drawn = self.rng.uniform(0.5, 1.0) if kind == "compressed" else self.rng.random() ** 0.5
        codec = str(self.rng.choice(["h264", "jpeg"], p=[.65, .35])) if kind == "compressed" else "any"
        return draw_journey(self.rng, severity * drawn, codec, self.faces.canvas_px)

    def recipe(self, index: int, stage: Stage) -> Recipe:
        """A forgery of this face that changed something to be seen."""
        for _ in range(TRIES):
            family = self.forger.draw_family(stage.families, stage.shares)
            recipe = self.forger.forge(self.target(index), family, self.rng.uniform(*stage.strength))
            if recipe.everywhere or visible_mask(recipe, recipe.blended()).mean() > LEAST_VISIBLE:
                return recipe
        return recipe

    def target(self, index: int) -> Target:
        """A canvas and its landmarks, mirrored half of the time, sometimes coded once already."""
        canvas, landmarks = np.array(self.faces.canvases[index]), self.faces.landmarks[index].copy()
        about = {"face": index, "is_mirrored": bool(self.rng.random() < 0.5)}
        if about["is_mirrored"]:
            canvas = np.ascontiguousarray(canvas[:, ::-1])
            landmarks = mirrored(landmarks)
        person, sharp = self.faces.people[index], bool(self.faces.eye_distance_px[index] >= SHARP_EYE_DISTANCE_PX)
        if self.rng.random() >= CODED_BEFORE_SHARE:
            return Target(canvas, landmarks, person, sharp=sharp, **about)
        coded = rescale(canvas, self.rng, self.rng.uniform(0.5, 1.0)) if self.rng.random() < 0.5 else canvas
        return Target(jpeg(coded, int(self.rng.integers(55, 93))), landmarks, person, canvas, sharp, **about)


def mirrored(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks on the mirrored canvas."""
    moved = landmarks.copy()
    moved[:, 0] = CANVAS_PX - 1 - moved[:, 0]
    return moved[[1, 0, 2, 4, 3]]


def visible_mask(recipe: Recipe, blended: np.ndarray) -> np.ndarray:
    """The blend mask [C, C], 0 where blending changed nothing that could be seen; a wholly redrawn picture has a mask of ones."""
    if recipe.everywhere:
        return np.ones(recipe.mask.shape[:2], np.float32)
    changed = np.abs(blended.astype(np.float32) - recipe.target).mean(2)
    return recipe.mask[..., 0] * (cv2.GaussianBlur(changed, (0, 0), 6 * changed.shape[0] / 256) > 0.7)
