"""Short clips of one person, genuine and forged, out of stills set in motion and of the few real talking heads.

A still moves by smooth random walks (head, expression, light). A forged clip is forged frame by frame with one and the
same draw, as a real forger's tool would, and then shows in time what such tools show: the blend flickers, lags behind
the head, slides over it, or changes abruptly. Genuine clips do none of this.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faces import CANVAS_PX, Faces, move
from manipulate import Forger, Target


@dataclass
class Clip:
    person: str
    canvases: list[np.ndarray]  # T x [256, 256, 3] uint8 RGB
    landmarks: list[np.ndarray]  # T x [5, 2] canvas pixels


def walk(rng: np.random.Generator, frames: int, size: int, amplitude: float) -> np.ndarray:
    """A smooth random walk [frames, size] of about the given amplitude, pulled back to zero."""
    knots = rng.normal(0, amplitude, (max(3, frames // 3), size))
    at = np.linspace(0, len(knots) - 1, frames)
    return np.stack([np.interp(at, np.arange(len(knots)), knots[:, i]) for i in range(size)], 1)


def animate(canvas: np.ndarray, landmarks: np.ndarray, person: str, frames: int, rng: np.random.Generator) -> Clip:
    """A still set in motion."""
    liveliness = rng.uniform(0.2, 1.0)
    head = walk(rng, frames, 4, liveliness)  # degrees, per cent of scale, per cent of shift
    expression = walk(rng, frames, 50, liveliness * 2.2).astype(np.float32).reshape(frames, 5, 5, 2)
    light = walk(rng, frames, 2, rng.uniform(0, 1))
    canvases, moved = [], []
    centre = CANVAS_PX / 2
    grid = np.stack(np.meshgrid(np.arange(CANVAS_PX), np.arange(CANVAS_PX)), -1).astype(np.float32)
    for t in range(frames):
        matrix = cv2.getRotationMatrix2D((centre, centre), 1.5 * head[t, 0], 1 + 0.012 * head[t, 1])
        matrix[:, 2] += 2.0 * head[t, 2:]
        inverse = cv2.invertAffineTransform(matrix)
        field = cv2.resize(expression[t], (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_CUBIC)
        lookup = cv2.transform(grid, inverse) + field
        picture = cv2.remap(canvas, lookup.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        levels = np.arange(256) * (1 + 0.02 * light[t, 0]) + 3.0 * light[t, 1]
        picture = cv2.LUT(picture, np.clip(np.round(levels), 0, 255).astype(np.uint8))
        canvases.append(picture)
        moved.append(move(landmarks, matrix).astype(np.float32))
    return Clip(person, canvases, moved)


LIVELY = {"as it is": 0.3, "speaking": 0.2, "blinking": 0.1, "shaken": 0.15, "stuttering": 0.1, "several": 0.15}


def enliven(clip: Clip, rng: np.random.Generator) -> Clip:
    """Motion beyond a smooth walk, for clips that training sees: a mouth that speaks, eyes that blink, a camera that shakes, frames that
    come twice. Genuine clips and forged ones are made of the same, so that none of it is a mark of forgery."""
    kind = str(rng.choice(list(LIVELY), p=list(LIVELY.values())))

    def has(way: str) -> bool:
        return kind == way or (kind == "several" and rng.random() < 0.6)

    frames = len(clip.canvases)
    opening = rng.uniform(0.02, 0.08) * rng.random(frames) if has("speaking") else np.zeros(frames)
    closing = (rng.random(frames) < 0.2) * rng.uniform(0.4, 0.8) if has("blinking") else np.zeros(frames)
    shake = rng.normal(0, rng.uniform(0.3, 1.5), (frames, 3)) if has("shaken") else np.zeros((frames, 3))
    canvases, landmarks = [], []
    for t in range(frames):
        picture = with_face_moved(clip.canvases[t], clip.landmarks[t], opening[t], closing[t])
        matrix = cv2.getRotationMatrix2D((CANVAS_PX / 2, CANVAS_PX / 2), 0.5 * shake[t, 2], 1)
        matrix[:, 2] += shake[t, :2]
        canvases.append(cv2.warpAffine(picture, matrix, (CANVAS_PX, CANVAS_PX), borderMode=cv2.BORDER_REFLECT_101) if shake[t].any() else picture)
        landmarks.append(move(clip.landmarks[t], matrix).astype(np.float32))
    shown = np.sort(rng.integers(0, frames, frames)) if has("stuttering") else np.arange(frames)
    return Clip(clip.person, [canvases[t] for t in shown], [landmarks[t] for t in shown])


def with_face_moved(canvas: np.ndarray, landmarks: np.ndarray, opening: float, closing: float) -> np.ndarray:
    """The lips `opening` apart, as a share of the distance from eyes to mouth, and the eyes closed by `closing` 0..1 of their height."""
    if not opening and not closing:
        return canvas
    rows, columns = np.mgrid[:CANVAS_PX, :CANVAS_PX].astype(np.float32)
    eyes, mouth = landmarks[:2], landmarks[3:].mean(0)
    length = max(8.0, float(mouth[1] - eyes[:, 1].mean()))
    near = np.exp(-(((columns - mouth[0]) / (0.6 * length)) ** 2) - ((rows - mouth[1]) / (0.5 * length)) ** 2)
    lookup = rows - opening * length * near * (np.tanh((rows - mouth[1]) / (0.08 * length)) + 0.4)  # the jaw falls further than the lip rises
    for eye in eyes:
        near = np.exp(-(((columns - eye[0]) / (0.28 * length)) ** 2) - ((rows - eye[1]) / (0.16 * length)) ** 2)
        lookup += closing * near * (rows - eye[1])
    return cv2.remap(canvas, columns, lookup.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def talking_head(faces: Faces, indices: np.ndarray, frames: int, rng: np.random.Generator) -> Clip:
    """Evenly spaced frames of a real clip, from a random start."""
    stride = max(1, min(len(indices) // frames, int(rng.integers(1, 4))))
    start = int(rng.integers(0, max(1, len(indices) - stride * (frames - 1))))
    chosen = indices[np.minimum(start + stride * np.arange(frames), len(indices) - 1)]
    return Clip(faces.people[chosen[0]], [np.array(faces.canvases[i]) for i in chosen], [faces.landmarks[i] for i in chosen])


@dataclass
class Unsteadiness:
    """How a forgery betrays itself in time; all zero is a perfectly steady one."""

    flicker: float  # standard deviation of the blend ratio from frame to frame
    lag_frames: int  # the forged layer is that many frames late
    slide_px: float  # the layer wanders over the face
    jumps: float  # chance per frame that the forger starts over with another draw


def draw_unsteadiness(rng: np.random.Generator) -> Unsteadiness:
    kind = str(rng.choice(["steady", "flicker", "lag", "slide", "jump", "several"], p=[.2, .2, .15, .15, .15, .15]))
    several = kind == "several"
    return Unsteadiness(
        flicker=rng.uniform(0.05, 0.35) if kind == "flicker" or several else 0.0,
        lag_frames=int(rng.integers(1, 3)) if kind == "lag" or (several and rng.random() < 0.5) else 0,
        slide_px=rng.uniform(1, 4) if kind == "slide" or several else 0.0,
        jumps=rng.uniform(0.1, 0.4) if kind == "jump" else 0.0,
    )


def forge_clip(clip: Clip, forger: Forger, family: str, strength: float, rng: np.random.Generator) -> tuple[Clip, Clip]:
    """The genuine clip as the forger found it (it may carry the recipe's global change), and the forged one."""
    ways = draw_unsteadiness(rng)
    frames, draw = len(clip.canvases), int(rng.integers(2**31))
    slide = walk(rng, frames, 2, ways.slide_px)
    ratio = np.clip(1 - np.abs(rng.normal(0, ways.flicker, frames)), 0.2, 1) if ways.flicker else np.ones(frames)
    recipes = []
    for t in range(frames):
        if rng.random() < ways.jumps:
            draw = int(rng.integers(2**31))
        forger.rng = np.random.default_rng(draw)  # the same draw for every frame, other pixels
        target = Target(clip.canvases[t], clip.landmarks[t] + slide[t].astype(np.float32), clip.person)
        recipes.append(forger.forge(target, family, strength))
    genuine, forged = [], []
    for t, recipe in enumerate(recipes):
        late = recipes[max(0, t - ways.lag_frames)]
        recipe.source, recipe.mask = late.source, late.mask * ratio[t]
        genuine.append(recipe.target)
        forged.append(recipe.blended())
    return Clip(clip.person, genuine, clip.landmarks), Clip(clip.person, forged, clip.landmarks)
