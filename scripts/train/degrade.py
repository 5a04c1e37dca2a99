"""The way of a phone video, the same for a genuine picture and its forgery: rescale, noise, JPEG or real H.264.

All pictures of one call share one draw of the parameters, so quality cannot tell the classes apart.
`severity` 0 (clean) .. 1 (a clip forwarded through a messenger).
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

import cv2
import numpy as np

from faces import CANVAS_PX
from layers import jpeg


@dataclass
class Journey:
    """One draw of what happens to a picture on its way."""

    face_px: int  # the canvas is stored at this size before it is enlarged again
    blur_sigma: float
    noise_sigma: float
    jpeg_quality: int | None
    crf: int | None
    preset: str
    sharpen: float


def draw_journey(rng: np.random.Generator, severity: float, codec: str = "any") -> Journey:
    lowest = int(CANVAS_PX - (CANVAS_PX - 84) * severity)
    if codec == "any":
        codec = str(rng.choice(["jpeg", "h264", "none"], p=[.45, .45, .1]))
    return Journey(
        face_px=int(rng.integers(lowest, CANVAS_PX + 1)) // 2 * 2,
        blur_sigma=float(rng.uniform(0.3, 1.2) * severity) if rng.random() < 0.3 else 0.0,
        noise_sigma=float(rng.uniform(1, 7) * severity) if rng.random() < 0.35 else 0.0,
        jpeg_quality=int(95 - rng.uniform(0, 55) * severity) if codec == "jpeg" else None,
        crf=int(18 + rng.uniform(0, 18) * severity) if codec == "h264" else None,
        preset=str(rng.choice(["ultrafast", "veryfast", "fast"])),
        sharpen=float(rng.uniform(0.2, 0.8) * severity) if rng.random() < 0.2 else 0.0,
    )


def travel(pictures: list[np.ndarray], journey: Journey, rng: np.random.Generator, still: bool) -> list[np.ndarray]:
    """Canvases [256, 256, 3] RGB through one journey; `still` pictures are unrelated (every frame a key frame)."""
    small = [before_coding(picture, journey, rng) for picture in pictures]
    if journey.jpeg_quality is not None:
        small = [jpeg(picture, journey.jpeg_quality) for picture in small]
    if journey.crf is not None:
        small = h264(small, journey, still)
    return [enlarge(picture) for picture in small]


def before_coding(picture: np.ndarray, journey: Journey, rng: np.random.Generator) -> np.ndarray:
    size = (journey.face_px, journey.face_px)
    if journey.face_px < CANVAS_PX:
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if journey.blur_sigma:
        picture = cv2.GaussianBlur(picture, (0, 0), journey.blur_sigma)
    if journey.sharpen:
        picture = cv2.addWeighted(picture, 1 + journey.sharpen, cv2.GaussianBlur(picture, (0, 0), 1.0), -journey.sharpen, 0)
    if journey.noise_sigma:
        noise = rng.integers(-128, 128, picture.shape, np.int8).astype(np.float32) * (journey.noise_sigma / 73.9)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture


def enlarge(picture: np.ndarray) -> np.ndarray:
    """Back to the canvas, as the aligned crop of a smaller face would be."""
    if picture.shape[0] == CANVAS_PX:
        return picture
    return cv2.resize(picture, (CANVAS_PX, CANVAS_PX), interpolation=cv2.INTER_LINEAR)


def h264(pictures: list[np.ndarray], journey: Journey, still: bool) -> list[np.ndarray]:
    """Through libx264 and back, in memory; 4:2:0 as every phone does."""
    height, width = pictures[0].shape[:2]
    key_frames = ["-g", "1"] if still else ["-g", "48"]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25"]
    coding = ["-c:v", "libx264", "-preset", journey.preset, "-crf", str(journey.crf), "-threads", "1", "-pix_fmt", "yuv420p", *key_frames]
    encoder = ["ffmpeg", "-v", "error", *raw, "-i", "-", *coding, "-f", "h264", "-"]
    stream = subprocess.run(encoder, input=np.stack(pictures).tobytes(), capture_output=True, check=True).stdout
    decoder = ["ffmpeg", "-v", "error", "-threads", "1", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(decoder, input=stream, capture_output=True, check=True).stdout
    frames = np.frombuffer(decoded, np.uint8).reshape(-1, height, width, 3)
    if len(frames) != len(pictures):
        raise RuntimeError(f"H.264 gave {len(frames)} frames back for {len(pictures)}")
    return list(frames)
