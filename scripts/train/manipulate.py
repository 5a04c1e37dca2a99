"""Forgeries made from genuine canvases: the families of training and those that only testing sees.

A forgery is a `Recipe`: two layers and a mask. Stills blend it once; pseudo-videos blend it anew for every frame.
`self_blend`, `swap`, `resample` and `autoencoder` are trained on; `mesh_poisson` and `autoencoder_swap` are held out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from autoencoder import Autoencoder
from faces import CANVAS_PX, Faces, similarity
from layers import match_colour, nudge, rescale, shift_colour, shift_frequency, upsampling_traces
from masks import WHOLE_FACE, draw_mask, fit, mesh_warp
from swap_autoencoder import SwapAutoencoder

TRAINED_FAMILIES = ("self_blend", "swap", "resample", "autoencoder")
HELD_OUT_FAMILIES = ("mesh_poisson", "autoencoder_swap")
FAMILIES = TRAINED_FAMILIES + HELD_OUT_FAMILIES
SHARES = {"self_blend": 4.0, "swap": 3.0, "resample": 1.5, "autoencoder": 1.5}


@dataclass
class Recipe:
    """`target` is also the genuine partner: it carries every change that is not the forgery itself."""

    family: str
    target: np.ndarray  # [256, 256, 3] uint8 RGB
    source: np.ndarray  # [256, 256, 3] uint8 RGB, lined up with the target
    mask: np.ndarray  # [256, 256, 1] float32 0..1

    def blended(self) -> np.ndarray:
        mixed = self.target + (self.source.astype(np.float32) - self.target) * self.mask
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


class Forger:
    """Draws recipes from the people of one split. `strength` 1 is coarse and easy to see, 0.3 subtle."""

    def __init__(self, faces: Faces, pool: np.ndarray, rng: np.random.Generator, redrawer: Autoencoder | None):
        self.faces, self.pool, self.rng, self.redrawer = faces, pool, rng, redrawer
        self.held_out_redrawer: SwapAutoencoder | None = None

    def draw_family(self, families: tuple[str, ...] = TRAINED_FAMILIES) -> str:
        usable = [name for name in families if name != "autoencoder" or self.redrawer]
        weights = np.array([SHARES[name] for name in usable])
        return str(self.rng.choice(usable, p=weights / weights.sum()))

    def forge(self, target: np.ndarray, landmarks: np.ndarray, family: str, strength: float, person: str = "") -> Recipe:
        """A recipe for one target canvas with its landmarks [5, 2]; `person` is never swapped with themselves."""
        return getattr(self, family)(target, landmarks, strength, person)

    def self_blend(self, target: np.ndarray, landmarks: np.ndarray, strength: float, _person: str) -> Recipe:
        rng = self.rng
        changed = shift_colour(target, rng, strength) if rng.random() < 0.8 else target
        if changed is target or rng.random() < 0.6:
            changed = shift_frequency(changed, rng, strength)
        # either layer may be the changed one: neither "the face is softer" nor "the face is sharper" gives it away
        outer, inner = (target, changed) if rng.random() < 0.5 else (changed, target)
        inner = nudge(inner, rng, rng.uniform(0.2, 0.8) * max(strength, 0.5))
        return Recipe("self_blend", outer, inner, self.mask(landmarks, strength))

    def swap(self, target: np.ndarray, landmarks: np.ndarray, strength: float, person: str) -> Recipe:
        rng = self.rng
        other, other_landmarks = self.other_person(person, target)
        matrix = similarity(other_landmarks, landmarks)
        if rng.random() < 0.5:  # follow the head's turn as well
            matrix = fit(landmarks)[:, :2] @ np.linalg.inv(fit(other_landmarks)[:, :2])
            matrix = np.hstack([matrix, (landmarks.mean(0) - matrix @ other_landmarks.mean(0))[:, None]])
        source = cv2.warpAffine(other, matrix, (CANVAS_PX, CANVAS_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        mask = self.mask(landmarks, strength, whole=True)
        if rng.random() > 0.25 * strength:
            source = match_colour(source, target, mask)
        if self.redrawer and rng.random() < 0.25:
            source = self.redrawer.redraw(source, rng)
        return Recipe("swap", target, source, mask)

    def resample(self, target: np.ndarray, landmarks: np.ndarray, strength: float, _person: str) -> Recipe:
        rng = self.rng
        if rng.random() < 0.5:
            source = upsampling_traces(target, rng, strength)
        else:
            source = rescale(nudge(target, rng, 0.3), rng, 1 - rng.uniform(0.35, 0.75) * max(strength, 0.4))
        return Recipe("resample", target, source, self.mask(landmarks, strength, solid=True))

    def autoencoder(self, target: np.ndarray, landmarks: np.ndarray, strength: float, _person: str) -> Recipe:
        source = self.redrawer.redraw(target, self.rng)
        mask = self.mask(landmarks, strength, solid=True)
        return Recipe("autoencoder", target, match_colour(source, target, mask), mask)

    def mesh_poisson(self, target: np.ndarray, landmarks: np.ndarray, _strength: float, person: str) -> Recipe:
        """Held out: piecewise-affine transfer of another face over a mesh of landmarks, closed by Poisson blending."""
        other, other_landmarks = self.other_person(person, target)
        source = mesh_warp(other, other_landmarks, landmarks)
        mask = draw_mask(landmarks, self.rng, str(self.rng.choice(WHOLE_FACE)), hardness=1.0)
        hard = (mask[..., 0] > 0.5).astype(np.uint8) * 255
        x, y, width, height = cv2.boundingRect(hard)
        blended = cv2.seamlessClone(source, target, hard, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
        # Poisson blending meets the target at the edge of its region, so a slightly wider mask cuts nothing off
        return Recipe("mesh_poisson", target, blended, cv2.dilate(mask, np.ones((9, 9), np.uint8))[..., None])

    def autoencoder_swap(self, target: np.ndarray, landmarks: np.ndarray, _strength: float, person: str) -> Recipe:
        """Held out: another person's face in the target's pose, redrawn by an autoencoder that training never used."""
        other, other_landmarks = self.other_person(person, target)
        matrix = similarity(other_landmarks, landmarks)
        source = cv2.warpAffine(other, matrix, (CANVAS_PX, CANVAS_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        mask = draw_mask(landmarks, self.rng, str(self.rng.choice(WHOLE_FACE)), hardness=0.5)
        return Recipe("autoencoder_swap", target, match_colour(self.held_out_redrawer.redraw(source), target, mask), mask)

    def mask(self, landmarks: np.ndarray, strength: float, whole: bool = False, solid: bool = False) -> np.ndarray:
        region = str(self.rng.choice(WHOLE_FACE)) if whole else None
        ratio = 1.0 if solid or whole else float(self.rng.choice([0.5, 0.75, 1, 1, 1, 1]))
        return draw_mask(landmarks, self.rng, region, hardness=0.2 + 0.6 * strength) * max(ratio, min(strength, 1.0))

    def other_person(self, person: str, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of several faces of other people, the one whose mean colour is nearest to the target's."""
        candidates = [int(index) for index in self.rng.choice(self.pool, 6) if self.faces.people[index] != person]
        centre = slice(96, 192)
        wanted = target[centre, centre].mean((0, 1))
        best = min(candidates, key=lambda index: np.abs(self.faces.canvases[index][centre, centre][::8, ::8].mean((0, 1)) - wanted).sum())
        return np.array(self.faces.canvases[best]), self.faces.landmarks[best]
