"""Training canvases: a random split into panes, each with one warped picture, then degradation.

Every picture carries all faces the teacher sees on it. What cannot be a target (unsure, tiny, mostly
hidden or cut) is returned as ignored, so that it is neither rewarded nor punished.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from degrade import degrade, relight
from geometry import covered_share, transform_faces, turn_of
from negatives import draw_pattern
from yaw import turn_head

MINIMUM_FACE_PX = 9.0   # geometric mean of the sides; smaller faces are ignored
MINIMUM_PANE_PX = 56
VISIBLE_SHARE = 0.6


@dataclass
class Pane:
    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0


@dataclass
class Stock:
    """Pictures ([H,W,3] BGR), the faces on each ([n,15]), how often each is drawn, and pictures without faces."""

    images: list
    faces: list
    weights: np.ndarray
    negatives: list


class Composer:
    """Draws canvases; `canvas` holds the shares of the configuration's section of that name."""

    def __init__(self, stock: Stock, keep_score: float, canvas: dict):
        self.images, self.faces, self.negatives = stock.images, stock.faces, stock.negatives
        self.keep_score, self.shares = keep_score, canvas
        self.cumulative = np.cumsum(stock.weights / stock.weights.sum())

    def happens(self, rng: np.random.Generator, share: str) -> bool:
        return self.shares[share] > 0 and rng.random() < self.shares[share]

    def compose(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Canvas [size,size,3] uint8, target faces [n,15], ignored boxes [m,4]."""
        canvas = np.empty((size, size, 3), np.uint8)
        found = [np.zeros((0, 15), np.float32)]
        whole = self.happens(rng, "whole_share")
        for pane in split(rng, Pane(0, 0, size, size), depth=0 if whole else int(rng.choice([0, 1, 1, 2, 2, 3]))):
            found.append(self.fill(rng, canvas, pane, whole))
        faces = np.concatenate(found)
        keep = faces[:, 14] > 0
        self.occlude(rng, canvas, faces[keep])
        return degrade(rng, canvas), faces[keep], faces[~keep, :4]

    def fill(self, rng: np.random.Generator, canvas: np.ndarray, pane: Pane, whole: bool) -> np.ndarray:
        """Paints the pane and returns its faces; a score of 0 marks those to ignore."""
        view = canvas[pane.y0 : pane.y1, pane.x0 : pane.x1]
        view[:] = self.backdrop(rng, pane.width, pane.height)
        if rng.random() < 0.08:
            return np.zeros((0, 15), np.float32)
        index = int(np.searchsorted(self.cumulative, rng.random()))
        image, faces = self.images[index], self.faces[index]
        if self.happens(rng, "yaw_share"):
            image, faces = turn_head(rng, image, faces)
        matrix = place_whole(rng, image, pane) if whole else place(rng, faces, pane, self.happens(rng, "cut_share"))
        mask = np.full(image.shape[:2], 255, np.uint8) if whole else cutout(rng, image, faces)
        paste(view, relight(rng, image), mask, matrix, feather=rng.uniform(0, 0.04) if rng.random() < 0.5 else 0)
        faces = transform_faces(faces, matrix)
        inside = covered_share(faces, 0, 0, pane.width, pane.height)
        side = np.sqrt(faces[:, 2] * faces[:, 3])
        target = (faces[:, 14] >= self.keep_score) & (inside >= VISIBLE_SHARE) & (side >= MINIMUM_FACE_PX)
        faces[:, 14] = target
        faces[:, [0, 4, 6, 8, 10, 12]] += pane.x0
        faces[:, [1, 5, 7, 9, 11, 13]] += pane.y0
        return faces[inside > 0.1]

    def backdrop(self, rng: np.random.Generator, width: int, height: int) -> np.ndarray:
        """A face-free photograph, a pattern, or a part of a training picture away from its faces."""
        draw = rng.random()
        if draw < 0.2:
            return draw_pattern(rng, width, height)
        if draw < 0.45:
            return relight(rng, crop_to(rng, self.negatives[rng.integers(len(self.negatives))], width, height))
        for _ in range(4):
            index = int(rng.integers(len(self.images)))
            corner = face_free_part(rng, self.images[index], self.faces[index])
            if corner is not None:
                return relight(rng, crop_to(rng, corner, width, height))
        return draw_pattern(rng, width, height)

    def occlude(self, rng: np.random.Generator, canvas: np.ndarray, faces: np.ndarray) -> None:
        """Covers up to about a third of some faces with a piece of something else."""
        for face in faces:
            if rng.random() > 0.12:
                continue
            width, height = (max(3, int(v * rng.uniform(0.2, 0.6))) for v in face[2:4])
            x = int(face[0] + rng.uniform(-0.2, 1.0) * face[2])
            y = int(face[1] + rng.uniform(0.0, 1.0) * face[3])
            x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, canvas.shape[1]), min(y + height, canvas.shape[0])
            if x1 - x0 > 2 and y1 - y0 > 2:
                patch = self.backdrop(rng, x1 - x0, y1 - y0)
                mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
                centre, axes = ((x1 - x0) // 2, (y1 - y0) // 2), ((x1 - x0) // 2, (y1 - y0) // 2)
                cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
                view = canvas[y0:y1, x0:x1]
                view[mask > 0] = patch[mask > 0]


def split(rng: np.random.Generator, pane: Pane, depth: int) -> list[Pane]:
    """Cuts a pane along its longer side, recursively, at a random place."""
    horizontal = pane.width >= pane.height
    length = pane.width if horizontal else pane.height
    if depth == 0 or length < 2 * MINIMUM_PANE_PX:
        return [pane]
    at = int(rng.uniform(max(0.3 * length, MINIMUM_PANE_PX), min(0.7 * length, length - MINIMUM_PANE_PX) + 1))
    if horizontal:
        halves = (Pane(pane.x0, pane.y0, pane.x0 + at, pane.y1), Pane(pane.x0 + at, pane.y0, pane.x1, pane.y1))
    else:
        halves = (Pane(pane.x0, pane.y0, pane.x1, pane.y0 + at), Pane(pane.x0, pane.y0 + at, pane.x1, pane.y1))
    return [part for half in halves for part in split(rng, half, depth - 1)]


def rarity(faces: np.ndarray, canvas: dict) -> float:
    """How much more often than others a picture is drawn: those with several faces, those with turned heads."""
    factor = canvas["several_weight"] if len(faces) > 1 else 1.0
    turns = [turn_of(face) for face in faces]
    return factor * (canvas["turned_weight"] if turns and max(turns) > 0.25 else 1.0)


def place_whole(rng: np.random.Generator, image: np.ndarray, pane: Pane) -> np.ndarray:
    """The picture as it was taken: about as large as the pane, hardly tilted, with all its neighbours and cut faces."""
    height, width = image.shape[:2]
    scale = max(pane.width, pane.height) / max(height, width) * np.exp(rng.normal(0.05, 0.22))
    angle, mirror = np.deg2rad(rng.normal(0, 6)), -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[np.cos(angle) * mirror, -np.sin(angle)], [np.sin(angle) * mirror, np.cos(angle)]])
    shift = rng.normal(0, 0.1, 2) * (pane.width, pane.height)
    middle = np.array([pane.width, pane.height]) / 2 + shift - linear @ np.array([width, height]) / 2
    return np.column_stack([linear, middle]).astype(np.float32)


def place(rng: np.random.Generator, faces: np.ndarray, pane: Pane, cut: bool) -> np.ndarray:
    """An affine map that puts one face of the picture somewhere in the pane at a random size and tilt.

    With `cut` its centre may lie near the pane's edge, which then cuts through the face.
    """
    if len(faces):
        face = faces[rng.integers(len(faces))] if rng.random() < 0.3 else faces[np.argmax(faces[:, 2] * faces[:, 3])]
    else:
        face = np.array([60, 60, 100, 130], np.float32)
    short = min(pane.width, pane.height)
    smallest, largest = max(10.0, 0.16 * short), 1.05 * short
    wanted = np.exp(rng.uniform(np.log(smallest), np.log(largest)))
    scale = wanted / max(face[3], 4.0)
    stretch = np.exp(rng.normal(0, 0.08))
    angle = np.deg2rad(rng.normal(0, 15) if rng.random() < 0.8 else rng.uniform(-45, 45))
    shear = rng.normal(0, 0.06)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[mirror * scale * stretch, shear * scale], [0, scale / stretch]])
    centre = face[:2] + face[2:4] / 2
    margin = (0.12 if cut else 0.35) * wanted
    target = [rng.uniform(min(margin, side / 2), max(side - margin, side / 2)) for side in (pane.width, pane.height)]
    return np.column_stack([linear, np.array(target) - linear @ centre]).astype(np.float32)


def cutout(rng: np.random.Generator, image: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """What of the picture is pasted: all of it, or a head and its surroundings when it shows one face only.

    Without this, small faces would always come inside a rectangle with visible borders.
    """
    mask = np.full(image.shape[:2], 255, np.uint8)
    if len(faces) == 1 and rng.random() < 0.4:
        x, y, width, height = faces[0, :4]
        axes = (int(width * rng.uniform(0.65, 1.6)), int(height * rng.uniform(0.7, 1.4)))
        mask[:] = 0
        cv2.ellipse(mask, (int(x + width / 2), int(y + height / 2)), axes, 0, 0, 360, 255, -1)
    return mask


def paste(view: np.ndarray, image: np.ndarray, mask: np.ndarray, matrix: np.ndarray, feather: float) -> None:
    """Warps the picture over the view; strong shrinking is done by area first, against aliasing."""
    size = (view.shape[1], view.shape[0])
    scale = max(float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))), 0.02)
    if scale < 0.6:
        shape = (max(2, round(image.shape[1] * scale)), max(2, round(image.shape[0] * scale)))
        # pixel centres: the shrunken picture's coordinates are scaled about -0.5
        ratio = np.array([image.shape[1] / shape[0], image.shape[0] / shape[1]])
        image, mask = (cv2.resize(layer, shape, interpolation=cv2.INTER_AREA) for layer in (image, mask))
        matrix = np.column_stack([matrix[:, :2] * ratio, matrix[:, 2] + matrix[:, :2] @ (0.5 * ratio - 0.5)])
    mask = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)
    warped = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if feather * min(size) < 0.5:
        cv2.copyTo(warped, (mask > 127).astype(np.uint8), view)
        return
    share = cv2.GaussianBlur(mask, (0, 0), feather * min(size)).astype(np.float32)[..., None] / 255
    view[:] = (view + (warped.astype(np.float32) - view) * share).astype(np.uint8)


def crop_to(rng: np.random.Generator, image: np.ndarray, width: int, height: int) -> np.ndarray:
    """A random part of the picture, resized to width x height."""
    share = rng.uniform(0.3, 1.0)
    part_height, part_width = (max(4, int(side * share)) for side in image.shape[:2])
    y = int(rng.integers(image.shape[0] - part_height + 1)) if image.shape[0] > part_height else 0
    x = int(rng.integers(image.shape[1] - part_width + 1)) if image.shape[1] > part_width else 0
    part = image[y : y + part_height, x : x + part_width]
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)


def face_free_part(rng: np.random.Generator, image: np.ndarray, faces: np.ndarray) -> np.ndarray | None:
    """A rectangle of the picture that no face, even an unsure one, touches; None when five tries fail."""
    height, width = image.shape[:2]
    for _ in range(5):
        side_x, side_y = (int(rng.uniform(0.2, 0.5) * side) for side in (width, height))
        x, y = int(rng.integers(width - side_x)), int(rng.integers(height - side_y))
        grown = faces[:, :4] + np.concatenate([-0.2 * faces[:, 2:4], 0.4 * faces[:, 2:4]], axis=1)
        if not len(faces) or covered_share(grown, x, y, x + side_x, y + side_y).max() == 0:
            return image[y : y + side_y, x : x + side_x]
    return None
