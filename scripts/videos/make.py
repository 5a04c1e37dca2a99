"""Makes the demo clips in videos/ from photographs that scikit-image ships.

Every clip is a still photograph seen by a moving virtual camera: a slow pan, zoom and roll, a head that
stands nearer than its background and turns a little, drifting light and sensor noise. `genuine.mp4` is just
that. `manipulated.mp4` is the same shot with the inner face replaced, frame by frame, by an altered copy of
itself: coarser, differently lit, slightly misshapen, late by two frames and never twice in the same place,
which is what a face swap leaves behind. Nothing is random beyond fixed seeds, so a second run makes the
same pictures.

    python -m pip install -r scripts/videos/requirements.txt
    python scripts/videos/make.py            # writes videos/*.mp4
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from skimage import data

VIDEOS = Path(__file__).resolve().parents[2] / "videos"
FPS = 25
FRAMES = 120  # 4.8 s

# Where things are in the 512x512 portrait, in pixels: centre and half axes.
HEAD = ((227, 105), (80, 98))
TORSO = ((200, 420), (190, 230))
INNER_FACE = ((223, 122), (39, 50))


@dataclass(frozen=True)
class Shot:
    """A virtual camera: output size, the point it looks at, output pixels per source pixel, and its tempo."""

    size: tuple[int, int]
    look_at: tuple[float, float]
    scale: float
    phase: float = 0.0


@dataclass(frozen=True)
class Pose:
    """Where camera and head are at one moment. Shifts in source pixels, roll in degrees, gain in grey levels' ratio."""

    pan: tuple[float, float]
    zoom: float
    roll: float
    lean: tuple[float, float]
    turn: float
    gain: float


def main() -> None:
    portrait = bgr(data.astronaut())
    VIDEOS.mkdir(exist_ok=True)
    shot = Shot(size=(640, 480), look_at=(240, 178), scale=1.28)
    write("genuine.mp4", shoot(portrait, depth_of(portrait.shape), shot, seed=1))
    write("manipulated.mp4", manipulated(portrait, shot))
    write("two-people.mp4", two_people(portrait))
    coffee = bgr(data.coffee())
    flat = np.zeros((*coffee.shape[:2], 2), np.float32)
    write("no-face.mp4", shoot(coffee, flat, Shot(size=(640, 480), look_at=(300, 200), scale=1.28), seed=5))


def shoot(picture: np.ndarray, depth: np.ndarray, shot: Shot, seed: int) -> Iterator[np.ndarray]:
    """The frames of a shot that nobody touched."""
    rng = np.random.default_rng(seed)
    for i in range(FRAMES):
        pose = pose_at(i, shot)
        yield expose(render(picture, depth, shot, pose), pose, rng)


def manipulated(portrait: np.ndarray, shot: Shot, seed: int = 2) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    depth = depth_of(portrait.shape)
    mask = ellipse_mask(portrait.shape, INNER_FACE, feather=5.0)
    for i in range(FRAMES):
        pose = pose_at(i, shot)
        late = pose_at(max(i - 2, 0), shot)
        altered = altered_face(portrait, rng)
        target = render(portrait, depth, shot, pose)
        donor = render(altered, depth, shot, late)
        blend = render(mask, depth, shot, pose)[..., None]
        yield expose(target * (1 - blend) + donor * blend, pose, rng)


def altered_face(portrait: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The portrait as a poor generator would redraw it this frame: coarse, recoloured, wider, a pixel off."""
    height, width = portrait.shape[:2]
    coarse = cv2.resize(portrait, None, fx=0.36, fy=0.36, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    (cx, cy), _ = INNER_FACE
    dx, dy = rng.normal(0.0, 0.7, 2)
    wider, taller = 1.05 + rng.normal(0, 0.006), 0.97 + rng.normal(0, 0.006)
    move = np.array([[wider, 0, cx - wider * cx + dx], [0, taller, cy - taller * cy + dy + 1.5]])
    moved = cv2.warpAffine(coarse, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    flicker = rng.normal(0.0, 0.012)
    tint = np.array([0.88, 0.97, 1.0]) * (1.0 + flicker)  # blue, green, red
    return np.clip((moved - 128.0) * 1.10 * tint + 128.0 * tint + 4.0, 0, 255)


def two_people(portrait: np.ndarray) -> Iterator[np.ndarray]:
    """A video call: on the left the portrait, on the right its mirror image with other colours."""
    mirrored = portrait[:, ::-1]
    other = np.clip(mirrored[..., [2, 1, 0]] * [0.25, 0.30, 0.30] + mirrored * [0.55, 0.55, 0.60], 0, 255)
    left = Shot(size=(396, 400), look_at=(232, 165), scale=1.22)
    right = Shot(size=(396, 400), look_at=(279, 150), scale=1.38, phase=2.1)
    depth = depth_of(portrait.shape)
    first = shoot(portrait, depth, left, seed=3)
    second = shoot(np.ascontiguousarray(other), np.ascontiguousarray(depth[:, ::-1]), right, seed=4)
    divider = np.full((400, 8, 3), 24, np.uint8)
    for a, b in zip(first, second, strict=True):
        yield np.hstack([a, divider, b])


def pose_at(i: int, shot: Shot) -> Pose:
    """Slow sines of unrelated periods, so that no two frames are alike and the path looks hand-held."""
    t = i / FPS + shot.phase

    def wave(period_s: float, amplitude: float, offset: float = 0.0) -> float:
        return amplitude * float(np.sin(2 * np.pi * t / period_s + offset))

    return Pose(
        pan=(wave(5.3, 5.0) + wave(1.7, 0.8, 1.0), wave(4.1, 2.5, 0.6) + wave(1.3, 0.6)),
        zoom=1.03 + wave(7.0, 0.025),
        roll=wave(6.1, 1.2, 0.4),
        lean=(wave(3.7, 4.0, 0.9), wave(2.9, 1.6)),
        turn=wave(3.1, 3.2, 2.0),
        gain=1.0 + wave(4.7, 0.035, 1.1),
    )


def render(picture: np.ndarray, depth: np.ndarray, shot: Shot, pose: Pose) -> np.ndarray:
    """The picture through the camera, float32. `depth[..., 0]` is how far a pixel follows the lean, `[..., 1]` the turn."""
    width, height = shot.size
    cos, sin = np.cos(np.radians(pose.roll)), np.sin(np.radians(pose.roll))
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (xs - width / 2) / (shot.scale * pose.zoom), (ys - height / 2) / (shot.scale * pose.zoom)
    x = (cos * u + sin * v + shot.look_at[0] + pose.pan[0]).astype(np.float32)
    y = (cos * v - sin * u + shot.look_at[1] + pose.pan[1]).astype(np.float32)
    near = cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x = x - near[..., 0] * np.float32(pose.lean[0]) - near[..., 1] * np.float32(pose.turn)
    y = y - near[..., 0] * np.float32(pose.lean[1])
    return cv2.remap(picture.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


def depth_of(shape: tuple[int, ...]) -> np.ndarray:
    """Smooth relief of the portrait: head over torso over wall, and a rounder bump for the face that turns."""
    head = ellipse_mask(shape, HEAD, feather=16.0)
    torso = ellipse_mask(shape, TORSO, feather=30.0)
    (cx, cy), (rx, ry) = HEAD
    ys, xs = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    turn = np.exp(-(((xs - cx) / (0.55 * rx)) ** 2 + ((ys - cy - 15) / (0.6 * ry)) ** 2))
    return np.dstack([np.maximum(head, 0.45 * torso), turn]).astype(np.float32)


def ellipse_mask(shape: tuple[int, ...], ellipse: tuple, feather: float) -> np.ndarray:
    """1 inside, 0 outside, softened by a Gaussian of `feather` pixels."""
    mask = np.zeros(shape[:2], np.float32)
    cv2.ellipse(mask, ellipse[0], ellipse[1], 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), feather)


def expose(frame: np.ndarray, pose: Pose, rng: np.random.Generator) -> np.ndarray:
    """Light of the moment plus sensor noise, as 8-bit BGR."""
    noise = rng.normal(0.0, 1.2, frame.shape)
    return np.clip(frame * pose.gain + noise + 0.5, 0, 255).astype(np.uint8)


def bgr(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[..., ::-1])


def write(name: str, frames: Iterator[np.ndarray]) -> None:
    """Encodes with one thread and bit-exact flags: the same ffmpeg build makes the same bytes again."""
    first = next(frames)
    height, width = first.shape[:2]
    command = [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", str(FPS), "-i", "-",
        "-c:v", "libx264", "-preset", "slow", "-crf", "24", "-pix_fmt", "yuv420p", "-threads", "1",
        "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
        "-vf", "scale=out_color_matrix=bt709", "-fflags", "+bitexact", "-flags:v", "+bitexact",
        "-movflags", "+faststart", str(VIDEOS / name),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        encoder.stdin.write(first.tobytes())
        for frame in frames:
            encoder.stdin.write(frame.tobytes())
        encoder.stdin.close()
        if encoder.wait() != 0:
            sys.exit(f"ffmpeg could not write {name}")
    print(f"{name}: {width}x{height}, {FRAMES} frames, {(VIDEOS / name).stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
