"""Genuine faces: find them with the YuNet teacher, align them as serving does, keep them in one memory-mapped array.

    python scripts/train/faces.py --data ../shared/data
    python scripts/train/faces.py --data ../shared/data --canvas-px 448     # for inputs larger than 256 px

The aligned crop is the contract between training and `src/faces/crop.rs`: a least-squares similarity from the five
landmarks to TEMPLATE enlarged by MARGIN_RATIO, drawn on a square canvas (CANVAS_PX unless a model's manifest states another
side) with reflected borders. Landmarks are kept in pixels of a CANVAS_PX canvas whatever the side.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from settings import CACHE_DIR, DATA_DIR
from split import person_of, splits

CANVAS_PX = 256
MARGIN_RATIO = 1.3
# right eye, left eye, nose, right mouth corner, left mouth corner ("right" is the person's right: smaller x)
TEMPLATE = np.array([[0.34, 0.46], [0.66, 0.46], [0.5, 0.64], [0.37, 0.82], [0.63, 0.82]])
CANVAS_LANDMARKS = ((0.5 + (TEMPLATE - 0.5) / MARGIN_RATIO) * CANVAS_PX).astype(np.float32)
MIN_EYE_DISTANCE_PX = 12
MARGIN_CANVAS_PX = 4.0  # around what the canvas shows: warping reads a pixel on, and shrinking rounds
GRID_SEARCH_PX = 32  # how far a place on the grid of the shrunk frame is looked for
IMAGE_FOLDERS = ("train/lfw", "train/us_congress", "train/london", "train/portraits_hd")
OFFICIAL_ORIGINS = ("us-", "18f")  # how files of portraits_hd are named after where they come from
STUDIO_ORIGINS = ("webmorph",)
SHARP_EYE_DISTANCE_PX = 60  # from here on a face fills the canvas of 256 px with pixels of its own


class FaceFinder:
    """The teacher: YuNet 2023mar through OpenCV. Used for training only, never shipped."""

    def __init__(self, data_dir: Path):
        model = data_dir / "detectors/yunet/face_detection_yunet_2023mar.onnx"
        self.net = cv2.FaceDetectorYN.create(str(model), "", (320, 320), 0.7, 0.3, 200)

    def largest(self, image: np.ndarray) -> np.ndarray | None:
        """Five landmarks [5, 2] in pixels of the largest face of a BGR image, or None."""
        scale = min(1.0, 640 / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        self.net.setInputSize((small.shape[1], small.shape[0]))
        _, found = self.net.detect(small)
        if found is None or len(found) == 0:
            return None
        best = max(found, key=lambda row: row[2] * row[3])
        return best[4:14].reshape(5, 2) / scale


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Umeyama's least-squares similarity (no reflection) from source [N, 2] to target [N, 2], as a [2, 3] matrix."""
    source, target = source.astype(np.float64), target.astype(np.float64)
    mean_s, mean_t = source.mean(0), target.mean(0)
    centred_s, centred_t = source - mean_s, target - mean_t
    u, d, vt = np.linalg.svd(centred_t.T @ centred_s / len(source))
    sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / centred_s.var(0).sum()
    return np.hstack([scale * rotation, (mean_t - scale * rotation @ mean_s)[:, None]])


def move(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points [N, 2] through an affine [2, 3] matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def align(image: np.ndarray, landmarks: np.ndarray, canvas_px: int = CANVAS_PX) -> tuple[np.ndarray, np.ndarray]:
    """The aligned canvas [C, C, 3] (channel order kept) and the landmarks on it [5, 2]."""
    matrix = similarity(landmarks, CANVAS_LANDMARKS * (canvas_px / CANVAS_PX))
    canvas_landmarks = move(landmarks, matrix)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:
        to_frame = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        corners = move(np.array([[0, 0], [canvas_px, 0], [0, canvas_px], [canvas_px, canvas_px]], float), to_frame)
        (left, width, across), (top, height, down) = (shown(corners[:, axis], scale, image.shape[1 - axis]) for axis in (0, 1))
        size = (max(1, round(width / across)), max(1, round(height / down)))
        image = cv2.resize(image[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA)
        matrix = np.hstack([matrix[:, :2] * [width / size[0], height / size[1]], matrix @ [[left], [top], [1]]])
    canvas = cv2.warpAffine(image, matrix, (canvas_px, canvas_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return canvas, canvas_landmarks.astype(np.float32)


def shown(corners: np.ndarray, scale: float, frame_px: int) -> tuple[int, int, float]:
    """Start and length of what a canvas shows along one axis, with what is mirrored at the frame's edges, and how many pixels of
    the frame become one when all of it is shrunk. Both ends lie on that grid, nearly, so that a part is shrunk as the whole is."""
    across = frame_px / max(1, round(frame_px * scale))
    lowest, highest = corners.min() - MARGIN_CANVAS_PX / scale, corners.max() + MARGIN_CANVAS_PX / scale
    start = int(np.clip(np.floor(min(lowest, 2 * frame_px - highest)), 0, frame_px - 1))
    end = int(np.clip(np.ceil(max(highest, -lowest)), start + 1, frame_px))
    start = on_grid(range(start, max(start - GRID_SEARCH_PX, -1), -1), across)
    return start, on_grid(range(end, min(end + GRID_SEARCH_PX, frame_px + 1)), across) - start, across


def on_grid(places: range, across: float) -> int:
    """The place nearest to a multiple of `across`."""
    return min(places, key=lambda place: abs(place / across - round(place / across)))


def read_frames(path: Path, every: int = 1) -> list[np.ndarray]:
    """Frames of a video as BGR arrays, every n-th, decoded from the start by the ffmpeg command."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0:s=x"]
    width, height = map(int, subprocess.check_output([*probe, str(path)], text=True).split()[0].split("x")[:2])
    decode = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    raw = np.frombuffer(subprocess.check_output(decode), np.uint8)
    frames = raw[: raw.size // (width * height * 3) * width * height * 3].reshape(-1, height, width, 3)
    return list(frames[::every])


def collect(data_dir: Path, cache_dir: Path, canvas_px: int) -> None:
    """Write canvases.npy (or canvases-448.npy) [N, C, C, 3] RGB and faces.csv (one row a canvas) into the cache."""
    finder, cache = FaceFinder(data_dir), FaceCache(data_dir, cache_dir, canvas_px)
    images = [path for folder in IMAGE_FOLDERS for path in sorted((data_dir / folder).glob("*.jpg"))]
    for path in tqdm(images, desc="stills"):
        cache.add(finder, cv2.imread(str(path)), path, -1)
    for path in tqdm(sorted((data_dir / "train/grid_video").glob("*.mpg")), desc="clips"):
        for index, frame in enumerate(read_frames(path)):
            cache.add(finder, frame, path, index)
    cache.write()
    print(f"{len(cache.rows)} faces of {len({row[2] for row in cache.rows})} people from {len(images)} images in {cache_dir}")


class FaceCache:
    """What is being collected; the pixels go to disk at once."""

    def __init__(self, data_dir: Path, cache_dir: Path, canvas_px: int):
        self.data_dir, self.cache_dir, self.canvas_px, self.rows = data_dir, cache_dir, canvas_px, []
        cache_dir.mkdir(parents=True, exist_ok=True)
        self.pixels = open(cache_dir / "canvases.part", "w+b")

    def add(self, finder: FaceFinder, image: np.ndarray, path: Path, frame: int) -> None:
        landmarks = finder.largest(image)
        if landmarks is None:
            return
        eye_distance = float(np.linalg.norm(landmarks[1] - landmarks[0]))
        if eye_distance < MIN_EYE_DISTANCE_PX:
            return
        canvas, moved = align(image, landmarks, self.canvas_px)
        moved *= CANVAS_PX / self.canvas_px
        self.pixels.write(np.ascontiguousarray(canvas[..., ::-1]).tobytes())
        name = path.relative_to(self.data_dir).as_posix()
        self.rows.append([name, frame, person_of(path, self.data_dir), round(eye_distance, 1), *np.round(moved.ravel(), 2)])

    def write(self) -> None:
        self.pixels.flush()
        shape = (len(self.rows), self.canvas_px, self.canvas_px, 3)
        np.save(self.cache_dir / canvases_file(self.canvas_px), np.memmap(self.pixels, np.uint8, "r", shape=shape))
        self.pixels.close()
        (self.cache_dir / "canvases.part").unlink()
        with open(self.cache_dir / "faces.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "frame", "person", "eye_distance_px", *[f"l{i}" for i in range(10)]])
            writer.writerows(self.rows)


def canvases_file(canvas_px: int) -> str:
    return "canvases.npy" if canvas_px == CANVAS_PX else f"canvases-{canvas_px}.npy"


def source_of(path: str) -> str:
    """Which kind of photograph a file of the data folder is: what the draws are balanced over."""
    folder, name = Path(path).parent.name, Path(path).name
    if folder != "portraits_hd":
        return {"lfw": "lfw", "us_congress": "official", "london": "studio", "grid_video": "grid"}[folder]
    origin = name.split("__")[0]
    if origin.startswith(OFFICIAL_ORIGINS):
        return "official"
    return "studio" if origin.startswith(STUDIO_ORIGINS) else "community"


class Faces:
    """The cache, read back: canvases stay on disk until touched. Landmarks are in pixels of a CANVAS_PX canvas."""

    def __init__(self, cache_dir: Path = CACHE_DIR, canvas_px: int = CANVAS_PX):
        self.canvas_px = canvas_px
        self.canvases = np.load(cache_dir / canvases_file(canvas_px), mmap_mode="r")
        with open(cache_dir / "faces.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.paths = [row["path"] for row in rows]
        self.sources = np.array([source_of(row["path"]) for row in rows])
        self.frames = np.array([int(row["frame"]) for row in rows])
        self.people = [row["person"] for row in rows]
        self.eye_distance_px = np.array([float(row["eye_distance_px"]) for row in rows])
        self.landmarks = np.array([[float(row[f"l{i}"]) for i in range(10)] for row in rows], np.float32).reshape(-1, 5, 2)

    def of_split(self, split: str) -> np.ndarray:
        """Numbers of the faces to draw from. A talking head gives 75 near-equal frames: a few of them stand for the clip."""
        return np.array([i for i, person in enumerate(self.people) if splits()[person] == split and self.frames[i] % 10 in (-1 % 10, 0)])

    def odds(self, pool: np.ndarray, sharp_share: float | None = None, source_weights: dict[str, float] | None = None) -> np.ndarray:
        """Chances of the faces in `pool`, summing to 1: sharper ones more often, and sharp ones (SHARP_EYE_DISTANCE_PX) together
        `sharp_share` of all draws if it is given. `source_weights` weighs kinds of photograph down (polished portraits)."""
        eyes = self.eye_distance_px[pool]
        weights = np.clip(eyes / 40, 0.5, 3 if sharp_share is None else 1.5)
        weights = weights * np.array([(source_weights or {}).get(source, 1.0) for source in self.sources[pool]])
        sharp = eyes >= SHARP_EYE_DISTANCE_PX
        if sharp_share is not None and 0 < sharp.sum() < len(pool):
            weights[sharp] *= sharp_share / weights[sharp].sum()
            weights[~sharp] *= (1 - sharp_share) / weights[~sharp].sum()
        return weights / weights.sum()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--canvas-px", type=int, default=CANVAS_PX)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    collect(arguments.data.resolve(), arguments.cache, arguments.canvas_px)
