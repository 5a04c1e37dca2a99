"""The way of a phone video, the same for a genuine picture and its forgery: rescale, noise, JPEG or real H.264, crop again.

All pictures of one call share one draw of the parameters, so quality cannot tell the classes apart.
`severity` 0 (clean) .. 1 (a clip forwarded through a messenger). A face lies in its frame turned and between pixels, while the
coder's blocks lie with the frame; the crop taken afterwards is off by the error of the landmarks.
"""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass, field

import cv2
import numpy as np

from faces import CANVAS_PX
from layers import jpeg

FRAME_MARGIN = 1.2  # side of the coded frame, in faces
DRIFT_FRAMES = 3  # a still in motion is coded as the last of so many frames


def unmoved() -> np.ndarray:
    return np.eye(2, 3)


@dataclass
class Journey:
    """One draw of what happens to a picture on its way."""

    face_px: int  # the canvas is stored at this size before it is enlarged again
    blur_sigma: float = 0.0
    noise_sigma: float = 0.0
    jpeg_quality: int | None = None
    crf: int | None = None
    preset: str = "veryfast"
    sharpen: float = 0.0
    turn_degrees: float = 0.0  # of the face in its frame
    shift_px: tuple[float, float] = (0.0, 0.0)
    drift_px: tuple[float, float] | None = None  # a frame's movement, where stills are coded as predicted frames
    error: np.ndarray = field(default_factory=unmoved)  # [2, 3] on the unit square: what wrong landmarks do to the crop
    cut: tuple[float, float, float, float] | None = None  # of the canvas, left, top, right, bottom: where a close crop ends

    @property
    def placed(self) -> bool:
        return self.cut is not None or self.turn_degrees != 0 or self.shift_px != (0.0, 0.0) or not np.array_equal(self.error, unmoved())


def draw_journey(rng: np.random.Generator, severity: float, codec: str = "any", canvas_px: int = CANVAS_PX) -> Journey:
    lowest = int(canvas_px - (canvas_px - 84) * severity)
    if codec == "any":
        codec = str(rng.choice(["jpeg", "h264", "none"], p=[.4, .5, .1]))
    journey = Journey(
        face_px=int(rng.integers(lowest, canvas_px + 1)) // 2 * 2,
        blur_sigma=float(rng.uniform(0.3, 1.2) * severity) if rng.random() < 0.3 else 0.0,
        noise_sigma=float(rng.uniform(1, 7) * severity) if rng.random() < 0.35 else 0.0,
        jpeg_quality=int(95 - rng.uniform(0, 55) * severity) if codec == "jpeg" else None,
        crf=int(18 + rng.uniform(0, 21) * severity) if codec == "h264" else None,
        preset=str(rng.choice(["ultrafast", "veryfast", "fast"])),
        sharpen=float(rng.uniform(0.2, 0.8) * severity) if rng.random() < 0.2 else 0.0,
    )
    return place(journey, rng)


def draw_clean_journey(rng: np.random.Generator, canvas_px: int = CANVAS_PX) -> Journey:
    """A good phone picture: hardly smaller, hardly compressed."""
    codec = str(rng.choice(["jpeg", "h264", "none"], p=[.3, .35, .35]))
    journey = Journey(
        face_px=canvas_px if rng.random() < 0.4 else int(rng.integers(canvas_px * 3 // 4, canvas_px + 1)) // 2 * 2,
        noise_sigma=float(rng.uniform(0.5, 2)) if rng.random() < 0.3 else 0.0,
        jpeg_quality=int(rng.integers(86, 98)) if codec == "jpeg" else None,
        crf=int(rng.integers(12, 21)) if codec == "h264" else None,
        sharpen=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.25 else 0.0,
    )
    return place(journey, rng)


def place(journey: Journey, rng: np.random.Generator) -> Journey:
    """How the face lies in the frame, how the frame moves, how far off the crop is."""
    if rng.random() < 0.6:
        journey.turn_degrees = float(rng.normal(0, 5))
        journey.shift_px = tuple(map(float, rng.uniform(-8, 8, 2)))
    if rng.random() < 0.6:
        journey.drift_px = tuple(map(float, rng.normal(0, 1.0, 2)))
    if rng.random() < 0.5:
        turn, scale = math.radians(rng.normal(0, 1.2)), 1 + rng.normal(0, 0.02)
        rotation = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        journey.error = np.hstack([rotation, (0.5 - rotation @ [0.5, 0.5] + rng.normal(0, 0.01, 2))[:, None]])
    return journey


def cut_closely(journey: Journey, rng: np.random.Generator) -> Journey:
    """The picture that is sent is a crop close around the face, as face detectors and people cut it."""
    sides = rng.uniform(.04, .25) + rng.normal(0, .03, 2)
    journey.cut = tuple(map(float, np.clip([sides[0], rng.uniform(.04, .37), sides[1], rng.uniform(0, .16)], 0, .3)))
    return journey


def travel(pictures: list[np.ndarray], journey: Journey, rng: np.random.Generator, still: bool) -> list[np.ndarray]:
    """Canvases [C, C, 3] RGB through one journey; `still` pictures are unrelated (no frame is predicted from another picture)."""
    canvas_px = pictures[0].shape[0]
    frames = [before_coding(into_frame(picture, journey), journey, rng) for picture in pictures]
    if journey.jpeg_quality is not None:
        frames = [jpeg(frame, journey.jpeg_quality) for frame in frames]
    if journey.crf is not None and still and journey.drift_px is not None:
        frames = h264(drifting(frames, journey.drift_px), journey, DRIFT_FRAMES)[DRIFT_FRAMES - 1 :: DRIFT_FRAMES]
    elif journey.crf is not None:
        frames = h264(frames, journey, 1 if still else 48)
    return [out_of_frame(frame, journey, canvas_px) for frame in frames]


def into_frame(picture: np.ndarray, journey: Journey) -> np.ndarray:
    """The canvas at the size it is stored at, turned and shifted inside a frame with a border if the journey says so."""
    if journey.face_px < picture.shape[0]:
        picture = cv2.resize(picture, (journey.face_px, journey.face_px), interpolation=cv2.INTER_AREA)
    if not journey.placed:
        return picture
    side = frame_px(journey)
    return cv2.warpAffine(picture, placement(journey)[:2], (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def frame_px(journey: Journey) -> int:
    return math.ceil(journey.face_px * FRAME_MARGIN / 16) * 16


def placement(journey: Journey) -> np.ndarray:
    """[3, 3] from the small canvas's pixels to the frame's."""
    turn, centre = math.radians(journey.turn_degrees), (frame_px(journey) - 1) / 2
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    middle = np.full(2, (journey.face_px - 1) / 2)
    return np.vstack([np.hstack([rotation, (centre + np.array(journey.shift_px) - rotation @ middle)[:, None]]), [0, 0, 1]])


def out_of_frame(frame: np.ndarray, journey: Journey, canvas_px: int) -> np.ndarray:
    """The crop that alignment takes: enlarged to the canvas, off by the landmarks' error."""
    size = (canvas_px, canvas_px)
    if not journey.placed:
        return frame if frame.shape[0] == canvas_px else cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    if journey.cut is not None:
        frame = without_surroundings(frame, journey)
    ratio = canvas_px / journey.face_px
    enlarged = np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2], [0, 0, 1]])
    matrix = on_canvas(journey.error, canvas_px) @ enlarged @ np.linalg.inv(placement(journey))
    return cv2.warpAffine(frame, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def without_surroundings(frame: np.ndarray, journey: Journey) -> np.ndarray:
    """The frame with what lies beyond the close crop mirrored from within it, as alignment fills what a picture lacks."""
    first = (frame_px(journey) - journey.face_px) / 2
    left, top, right, bottom = (round(first + share * journey.face_px) for share in journey.cut)
    height, width = frame.shape[:2]
    inside = frame[top : height - bottom, left : width - right]
    return cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REFLECT_101)


def on_canvas(error: np.ndarray, canvas_px: int) -> np.ndarray:
    """A move of the unit square as [3, 3] in canvas pixels."""
    return np.vstack([np.hstack([error[:, :2], error[:, 2:] * canvas_px]), [0, 0, 1]])


def moved_mask(mask: np.ndarray, journey: Journey) -> np.ndarray:
    """A mask [C, C] where the landmarks' error moves it; beyond the edge it goes on as at the edge, or mirrored as the pixels are."""
    if journey.cut is not None:
        return out_of_frame(into_frame(mask, journey), journey, mask.shape[0])
    if np.array_equal(journey.error, unmoved()):
        return mask
    matrix = on_canvas(journey.error, mask.shape[0])[:2]
    return cv2.warpAffine(mask, matrix, mask.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def before_coding(picture: np.ndarray, journey: Journey, rng: np.random.Generator) -> np.ndarray:
    if journey.blur_sigma:
        picture = cv2.GaussianBlur(picture, (0, 0), journey.blur_sigma)
    if journey.sharpen:
        picture = cv2.addWeighted(picture, 1 + journey.sharpen, cv2.GaussianBlur(picture, (0, 0), 1.0), -journey.sharpen, 0)
    if journey.noise_sigma:
        noise = rng.integers(-128, 128, picture.shape, np.int8).astype(np.float32) * (journey.noise_sigma / 73.9)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture


def drifting(frames: list[np.ndarray], drift_px: tuple[float, float]) -> list[np.ndarray]:
    """Every frame after two of itself a little earlier, as a hand-held camera sees it."""
    result = []
    for frame in frames:
        for ago in range(DRIFT_FRAMES - 1, 0, -1):
            matrix = np.array([[1, 0, -ago * drift_px[0]], [0, 1, -ago * drift_px[1]]])
            result.append(cv2.warpAffine(frame, matrix, frame.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
        result.append(frame)
    return result


def h264(pictures: list[np.ndarray], journey: Journey, key_frame_every: int) -> list[np.ndarray]:
    """Through libx264 and back, in memory; 4:2:0 as every phone does."""
    height, width = pictures[0].shape[:2]
    key_frames = ["-g", str(key_frame_every)] if key_frame_every != DRIFT_FRAMES else ["-g", str(DRIFT_FRAMES), "-sc_threshold", "0", "-bf", "0"]
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
