"""Forgeries made from genuine canvases: the families of training and those that only testing sees.

A forgery is a `Recipe`: two layers and a mask. Stills blend it once; pseudo-videos blend it anew for every frame.
`mesh_poisson` and `autoencoder_swap` are held out, all others are trained on, `generated` only where there is a bank (`generators.py`). (The held-out autoencoder enlarges by pixel
shuffle, as one of the light autoencoders of training does since they exist; network, bottleneck and use are its own.)
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faces import CANVAS_PX, SHARP_EYE_DISTANCE_PX, Faces, similarity
from layers import match_colour, nudge, rescale, shift_colour, shift_frequency, upsampling_traces
from masks import MOUTH_REGIONS, WHOLE_FACE, draw_mask, draw_region, fit, mesh_warp
from mouth import as_drawn_small, mouth_of, moved_mouth
from redrawers import Redrawers
from swap_autoencoder import SwapAutoencoder

# The trained families and how often each is drawn, where a configuration's [pairs.shares] says nothing else.
SHARES = {"self_blend": 3.5, "swap": 2.5, "resample": 1.0, "autoencoder": 1.0, "mouth": 2.0, "super_resolution": 1.5, "redrawn": 1.0,
          "generated": 3.0}
TRAINED_FAMILIES = tuple(name for name in SHARES if name != "generated")
HELD_OUT_FAMILIES = ("mesh_poisson", "autoencoder_swap")
FAMILIES = TRAINED_FAMILIES + HELD_OUT_FAMILIES
WHOLE_PICTURE_SHARE = 0.5  # of the redrawn families; a wholly generated face is such a picture
GENERATED_KINDS = {"own": .3, "other": .45, "picture": .25}  # the target's own face, another's in its place, the whole picture


@dataclass
class Target:
    """A genuine face to be forged. `pristine` is the same picture before it was coded for the first time, if it was."""

    canvas: np.ndarray  # [C, C, 3] uint8 RGB
    landmarks: np.ndarray  # [5, 2] in pixels of a CANVAS_PX canvas
    person: str = ""
    pristine: np.ndarray | None = None
    sharp: bool = False  # fills its canvas with pixels of its own
    face: int = -1  # its number among the faces
    is_mirrored: bool = False

    @property
    def sharpest(self) -> np.ndarray:
        return self.canvas if self.pristine is None else self.pristine


@dataclass
class Recipe:
    """`target` is also the genuine partner: it carries every change that is not the forgery itself."""

    family: str
    target: np.ndarray  # [C, C, 3] uint8 RGB
    source: np.ndarray  # [C, C, 3] uint8 RGB, lined up with the target
    mask: np.ndarray  # [C, C, 1] float32 0..1
    everywhere: bool = False  # every pixel was drawn anew, also where it looks the same

    def blended(self) -> np.ndarray:
        mixed = self.target + (self.source.astype(np.float32) - self.target) * self.mask
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


class Forger:
    """Draws recipes from the people of one split. `strength` 1 is coarse and easy to see, 0.3 subtle."""

    def __init__(self, faces: Faces, pool: np.ndarray, rng: np.random.Generator, redrawers: Redrawers):
        self.faces, self.pool, self.rng, self.redrawers = faces, pool, rng, redrawers
        self.canvas_px = faces.canvas_px
        self.held_out_redrawer: SwapAutoencoder | None = None
        self.sharp_pool = pool[faces.eye_distance_px[pool] >= SHARP_EYE_DISTANCE_PX]
        self.faces_of: dict[str, list[int]] = {}
        for index in pool:
            self.faces_of.setdefault(faces.people[index], []).append(int(index))

    def draw_family(self, families: tuple[str, ...] = TRAINED_FAMILIES, shares: dict[str, float] = SHARES) -> str:
        weights = np.array([shares[name] for name in families])
        return str(self.rng.choice(families, p=weights / weights.sum()))

    def forge(self, target: Target, family: str, strength: float) -> Recipe:
        """A recipe for one target; nobody is swapped with themselves."""
        return getattr(self, family)(target, strength)

    def self_blend(self, target: Target, strength: float) -> Recipe:
        rng, canvas = self.rng, target.canvas
        base = target.sharpest if rng.random() < 0.5 else canvas
        changed = shift_colour(base, rng, strength) if rng.random() < 0.8 else base
        if changed is canvas or rng.random() < 0.6:
            changed = shift_frequency(changed, rng, strength)
        # either layer may be the changed one: neither "the face is softer" nor "the face is sharper" gives it away
        outer, inner = (canvas, changed) if rng.random() < 0.5 else (changed, canvas)
        inner = nudge(inner, rng, rng.uniform(0.2, 0.8) * max(strength, 0.5))
        return Recipe("self_blend", outer, inner, self.mask(target, strength))

    def swap(self, target: Target, strength: float) -> Recipe:
        rng, landmarks = self.rng, target.landmarks
        other, other_landmarks = self.other_person(target)
        matrix = similarity(other_landmarks, landmarks)
        if rng.random() < 0.5:  # follow the head's turn as well
            matrix = fit(landmarks)[:, :2] @ np.linalg.inv(fit(other_landmarks)[:, :2])
            matrix = np.hstack([matrix, (landmarks.mean(0) - matrix @ other_landmarks.mean(0))[:, None]])
        source = self.warp(other, matrix)
        mask = self.mask(target, strength, whole=True)
        if rng.random() > 0.25 * strength:
            source = match_colour(source, target.canvas, mask)
        if rng.random() < 0.35:
            source = self.redrawers.any_of_face(source, rng)
        return Recipe("swap", target.canvas, source, mask)

    def resample(self, target: Target, strength: float) -> Recipe:
        rng = self.rng
        if rng.random() < 0.5:
            source = upsampling_traces(target.canvas, rng, strength)
        else:
            source = rescale(nudge(target.sharpest, rng, 0.3), rng, 1 - rng.uniform(0.35, 0.75) * max(strength, 0.4))
        return Recipe("resample", target.canvas, source, self.mask(target, strength, solid=True))

    def autoencoder(self, target: Target, strength: float) -> Recipe:
        source = self.redrawers.bottleneck.redraw(target.sharpest, self.rng)
        mask = self.mask(target, strength, solid=True)
        return Recipe("autoencoder", target.canvas, match_colour(source, target.canvas, mask), mask)

    def mouth(self, target: Target, strength: float) -> Recipe:
        """As lip-sync programs do: another mouth, mostly drawn by something of low resolution, inside a mouth hull or a box."""
        rng, canvas = self.rng, target.canvas
        mask = draw_mask(target.landmarks, rng, draw_region(rng, MOUTH_REGIONS), 0.2 + 0.6 * strength, self.canvas_px)
        own = [i for i in self.faces_of.get(target.person, []) if not np.array_equal(self.faces.landmarks[i], target.landmarks)]
        kind = str(rng.choice(["expression", "other", "moved"], p=[.4, .25, .35]))
        if kind == "moved" or (kind == "expression" and not own):
            source, redrawn = moved_mouth(target.sharpest, target.landmarks, rng), True  # a warp alone leaves next to nothing to find
        else:
            other, landmarks = self.face(int(rng.choice(own))) if kind == "expression" else self.other_person(target)
            source, redrawn = match_colour(mouth_of(other, landmarks, target.landmarks), canvas, mask), rng.random() < 0.5
        if redrawn:
            source = as_drawn_small(source, rng) if rng.random() < 0.45 else self.redrawers.any_of_face(source, rng)
        return Recipe("mouth", canvas, source, mask)

    def super_resolution(self, target: Target, strength: float) -> Recipe:
        return self.redrawn_picture("super_resolution", target, strength)

    def redrawn(self, target: Target, strength: float) -> Recipe:
        return self.redrawn_picture("redrawn", target, strength)

    def redrawn_picture(self, family: str, target: Target, strength: float) -> Recipe:
        """The face or the whole picture drawn anew. So that softness alone says nothing, the genuine partner of a wholly redrawn
        picture is often shrunk and enlarged by plain interpolation."""
        rng, canvas = self.rng, target.canvas
        draw = self.redrawers.enlarge if family == "super_resolution" else self.redrawers.light.redraw
        if rng.random() < WHOLE_PICTURE_SHARE:
            return self.whole_picture(family, target, draw(target.sharpest, rng))
        source = draw(target.sharpest, rng)
        return Recipe(family, canvas, source, self.mask(target, strength, solid=True))

    def whole_picture(self, family: str, target: Target, source: np.ndarray) -> Recipe:
        rng, canvas = self.rng, target.canvas
        partner = rescale(canvas, rng, rng.uniform(0.35, 0.9)) if rng.random() < 0.5 else canvas
        return Recipe(family, partner, source, np.ones((self.canvas_px, self.canvas_px, 1), np.float32), everywhere=True)

    def generated(self, target: Target, strength: float) -> Recipe:
        """As face-swap programs and portrait generators do: what a generator drew, of one of the kinds of GENERATED_KINDS."""
        rng, bank = self.rng, self.redrawers.bank
        kind = draw_region(rng, GENERATED_KINDS)
        if kind == "other":
            other = self.other(target)
            source = self.warp(bank.draw(other, rng), similarity(self.faces.landmarks[other], target.landmarks))
        else:
            source = bank.draw(target.face, rng)
            source = np.ascontiguousarray(source[:, ::-1]) if target.is_mirrored else source
        if kind == "picture":
            return self.whole_picture("generated", target, source)
        mask = self.mask(target, strength, whole=True)
        if rng.random() > 0.25 * strength:
            source = match_colour(source, target.canvas, mask)
        return Recipe("generated", target.canvas, source, mask)

    def mesh_poisson(self, target: Target, _strength: float) -> Recipe:
        """Held out: piecewise-affine transfer of another face over a mesh of landmarks, closed by Poisson blending."""
        other, other_landmarks = self.other_person(target)
        source = mesh_warp(other, other_landmarks, target.landmarks)
        mask = draw_mask(target.landmarks, self.rng, str(self.rng.choice(WHOLE_FACE)), 1.0, self.canvas_px)
        hard = (mask[..., 0] > 0.5).astype(np.uint8) * 255
        x, y, width, height = cv2.boundingRect(hard)
        blended = cv2.seamlessClone(source, target.canvas, hard, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
        # Poisson blending meets the target at the edge of its region, so a slightly wider mask cuts nothing off
        return Recipe("mesh_poisson", target.canvas, blended, cv2.dilate(mask, np.ones((9, 9), np.uint8))[..., None])

    def autoencoder_swap(self, target: Target, _strength: float) -> Recipe:
        """Held out: another person's face in the target's pose, redrawn by an autoencoder that training never used."""
        other, other_landmarks = self.other_person(target)
        source = self.warp(other, similarity(other_landmarks, target.landmarks))
        mask = draw_mask(target.landmarks, self.rng, str(self.rng.choice(WHOLE_FACE)), 0.5, self.canvas_px)
        return Recipe("autoencoder_swap", target.canvas, match_colour(self.held_out_redrawer.redraw(source), target.canvas, mask), mask)

    def mask(self, target: Target, strength: float, whole: bool = False, solid: bool = False) -> np.ndarray:
        region = str(self.rng.choice(WHOLE_FACE)) if whole else None
        ratio = 1.0 if solid or whole else float(self.rng.choice([0.5, 0.75, 1, 1, 1, 1]))
        return draw_mask(target.landmarks, self.rng, region, 0.2 + 0.6 * strength, self.canvas_px) * max(ratio, min(strength, 1.0))

    def warp(self, canvas: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """A canvas through a [2, 3] matrix in pixels of a CANVAS_PX canvas."""
        matrix = np.hstack([matrix[:, :2], matrix[:, 2:] * (self.canvas_px / CANVAS_PX)])
        return cv2.warpAffine(canvas, matrix, canvas.shape[:2], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def face(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array(self.faces.canvases[index]), self.faces.landmarks[index]

    def other_person(self, target: Target) -> tuple[np.ndarray, np.ndarray]:
        return self.face(self.other(target))

    def other(self, target: Target) -> int:
        """Of several faces of other people, the one whose mean colour is nearest to the target's. A sharp face mostly gets a sharp
        one, as a forger with good pictures would: a soft face among sharp surroundings is one forgery of several."""
        pool = self.sharp_pool if target.sharp and len(self.sharp_pool) > 12 and self.rng.random() < 0.6 else self.pool
        candidates = [int(index) for index in self.rng.choice(pool, 6) if self.faces.people[index] != target.person]
        centre = slice(self.canvas_px * 3 // 8, self.canvas_px * 3 // 4)
        wanted = target.canvas[centre, centre].mean((0, 1))
        return min(candidates, key=lambda i: np.abs(self.faces.canvases[i][centre, centre][::8, ::8].mean((0, 1)) - wanted).sum())
