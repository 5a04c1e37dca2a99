"""Blend masks: a face outline fitted to five landmarks, one of several regions, deformed and softened."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import Delaunay

from faces import CANVAS_LANDMARKS, CANVAS_PX

WORK_PX = 64  # masks are drawn and deformed small, then enlarged: four times cheaper and always smooth

# Outlines on the canvas of a frontal face whose landmarks lie on the template (unit square, clockwise).
FACE = [(.27, .42), (.30, .32), (.40, .27), (.50, .255), (.60, .27), (.70, .32), (.73, .42), (.735, .54), (.715, .66),
        (.66, .78), (.58, .86), (.50, .885), (.42, .86), (.34, .78), (.285, .66), (.265, .54)]
BELOW_BROWS = [(.28, .42), (.37, .385), (.50, .40), (.63, .385), (.72, .42), (.73, .54), (.71, .66), (.65, .78), (.57, .86),
               (.50, .88), (.43, .86), (.35, .78), (.29, .66), (.27, .54)]
INNER = [(.31, .43), (.40, .39), (.50, .41), (.60, .39), (.69, .43), (.68, .55), (.65, .68), (.62, .80), (.50, .84), (.38, .80),
         (.35, .68), (.32, .55)]
LOWER = [(.30, .60), (.40, .57), (.50, .54), (.60, .57), (.70, .60), (.69, .70), (.64, .80), (.57, .86), (.50, .88), (.43, .86),
         (.36, .80), (.31, .70)]
JAW = [(.26, .60), (.74, .60), (.72, .72), (.66, .82), (.58, .89), (.50, .91), (.42, .89), (.34, .82), (.28, .72)]
BOX = [(.27, .58), (.73, .58), (.73, .92), (.27, .92)]  # the lower half of a face box, as lip-sync programs paste it
MOUTH = [(.36, .74), (.42, .69), (.50, .675), (.58, .69), (.64, .74), (.60, .81), (.50, .83), (.40, .81)]
EYES = [(.30, .46), (.34, .40), (.44, .40), (.50, .43), (.56, .40), (.66, .40), (.70, .46), (.66, .53), (.56, .53), (.50, .51),
        (.44, .53), (.34, .53)]
REGIONS = {"face": FACE, "below_brows": BELOW_BROWS, "inner": INNER, "lower": LOWER, "mouth": MOUTH, "eyes": EYES, "jaw": JAW, "box": BOX}
ANY_REGION = {"face": .26, "below_brows": .22, "inner": .2, "lower": .14, "mouth": .1, "eyes": .08}
MOUTH_REGIONS = {"mouth": .35, "lower": .3, "jaw": .2, "box": .15}
WHOLE_FACE = ("face", "below_brows", "inner")


def fit(landmarks: np.ndarray) -> np.ndarray:
    """The least-squares affine map [2, 3] from the template to these landmarks: follows a turned head's foreshortening."""
    ones = np.hstack([CANVAS_LANDMARKS, np.ones((5, 1), np.float32)])
    solution, *_ = np.linalg.lstsq(ones, landmarks, rcond=None)
    return solution.T


def region_mask(landmarks: np.ndarray, region: str) -> np.ndarray:
    """A hard mask [64, 64] in 0..1 of one region for landmarks in canvas pixels."""
    outline = np.array(REGIONS[region]) * CANVAS_PX
    matrix = fit(landmarks)
    points = (outline @ matrix[:, :2].T + matrix[:, 2]) * WORK_PX / CANVAS_PX
    mask = np.zeros((WORK_PX, WORK_PX), np.float32)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
    return mask


def deform(mask: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Elastic deformation by a coarse random field plus a small affine move; strength 0..1."""
    field = rng.normal(0, strength * 2.5, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(field, (WORK_PX, WORK_PX), interpolation=cv2.INTER_CUBIC)
    scale = 1 + rng.uniform(-0.08, 0.08, 2) * strength
    shift = rng.uniform(-2, 2, 2) * strength
    grid_y, grid_x = np.mgrid[0:WORK_PX, 0:WORK_PX].astype(np.float32)
    centre = WORK_PX / 2
    map_x = ((grid_x - centre) * scale[0] + centre + shift[0] + field[..., 0]).astype(np.float32)
    map_y = ((grid_y - centre) * scale[1] + centre + shift[1] + field[..., 1]).astype(np.float32)
    return cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR)


def soften(mask: np.ndarray, rng: np.random.Generator, hardness: float) -> np.ndarray:
    """Blur, erode or dilate through a threshold, blur again. hardness 0 (wide ramps) .. 1 (narrow)."""
    first = rng.uniform(0.6, 3.0)
    blurred = cv2.GaussianBlur(mask, (0, 0), first)
    level = rng.uniform(0.3, 0.7)
    sharp = np.clip((blurred - level) * 6 + 0.5, 0, 1)
    second = rng.uniform(0.35, 0.8) if rng.random() < hardness else rng.uniform(0.8, 4.0)
    return cv2.GaussianBlur(sharp, (0, 0), second)


def draw_region(rng: np.random.Generator, chances: dict[str, float]) -> str:
    return str(rng.choice(list(chances), p=list(chances.values())))


def draw_mask(landmarks: np.ndarray, rng: np.random.Generator, region: str | None = None, hardness: float = 0.4,
              canvas_px: int = CANVAS_PX) -> np.ndarray:
    """A soft blend mask [C, C, 1] float32 in 0..1; landmarks are in pixels of a CANVAS_PX canvas."""
    region = region or draw_region(rng, ANY_REGION)
    mask = soften(deform(region_mask(landmarks, region), rng, rng.uniform(0.2, 1.0)), rng, hardness)
    return cv2.resize(mask, (canvas_px, canvas_px), interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None]


MESH = np.vstack([CANVAS_LANDMARKS, np.array(FACE, np.float32) * CANVAS_PX])
TRIANGLES = Delaunay(MESH).simplices


def mesh_points(landmarks: np.ndarray) -> np.ndarray:
    """The five landmarks and the fitted face outline, in the order of MESH."""
    outline = MESH[5:]
    matrix = fit(landmarks)
    return np.vstack([landmarks, outline @ matrix[:, :2].T + matrix[:, 2]]).astype(np.float32)


def mesh_warp(image: np.ndarray, source_landmarks: np.ndarray, target_landmarks: np.ndarray) -> np.ndarray:
    """Piecewise-affine warp of a canvas, triangle by triangle; outside the mesh it follows the affine fit."""
    scale = image.shape[0] / CANVAS_PX
    source, target = scale * mesh_points(source_landmarks), scale * mesh_points(target_landmarks)
    whole = cv2.estimateAffine2D(source, target)[0]
    size = image.shape[:2]
    warped = cv2.warpAffine(image, whole, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    for triangle in TRIANGLES:
        matrix = cv2.getAffineTransform(source[triangle], target[triangle])
        piece = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        inside = np.zeros(size, np.uint8)
        cv2.fillConvexPoly(inside, np.round(target[triangle]).astype(np.int32), 1)
        np.copyto(warped, piece, where=inside[..., None].astype(bool))
    return warped
