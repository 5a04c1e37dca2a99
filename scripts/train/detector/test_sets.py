"""The groups the detector is measured on. Nothing here was trained on.

A group is a list of (image [H,W,3] BGR, faces [n,15] of the teacher, unsure ones included).
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from degrade import soften
from geometry import covered_share, transform_faces, turn_of
from negatives import TEST_FILES, draw_pattern, photographs
from sources import Picture, read_all, read_clip
from teacher import Teacher

Sample = tuple[np.ndarray, np.ndarray]
ETHNICITIES = ["White", "Black", "Asian", "Indian", "other"]
GENDERS = ["men", "women"]
VIDEO_SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".ts")


def held_out(pictures: list[Picture], faces: list[np.ndarray], part: str) -> dict[str, list[Sample]]:
    """People of `part`, by source."""
    chosen = [index for index, picture in enumerate(pictures) if picture.part == part]
    images, groups = read_all([pictures[index] for index in chosen]), defaultdict(list)
    for image, index in zip(images, chosen):
        groups[pictures[index].source].append((image, faces[index]))
    return dict(groups)


def main_faces(samples: list[Sample], sure: float) -> list[Sample]:
    """Only the largest face of each picture is wanted; finding the others is no mistake."""
    result = []
    for image, faces in samples:
        faces, main = faces.copy(), largest(faces, sure)
        if main is not None:
            others = (faces[:, :4] != main[:4]).any(1)
            faces[others, 14] = 0
            result.append((image, faces))
    return result


def turned(samples: list[Sample], sure: float) -> list[Sample]:
    """Pictures whose largest face is turned: the nose lies over 0.3 eye distances beside the eyes' middle."""
    return [sample for sample in samples if (main := largest(sample[1], sure)) is not None and turn_of(main) > 0.3]


def tilted(samples: list[Sample], degrees: float) -> list[Sample]:
    """The same pictures rotated about their middle, alternately to either side."""
    result = []
    for index, (image, faces) in enumerate(samples):
        height, width = image.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees if index % 2 else -degrees, 1.0)
        moved = transform_faces(faces, turn)
        moved[:, 14] *= covered_share(moved, 0, 0, width, height) > 0.8  # what left the picture counts as unsure
        result.append((cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR), moved))
    return result


def largest(faces: np.ndarray, sure: float) -> np.ndarray | None:
    faces = faces[faces[:, 14] >= sure]
    return faces[np.argmax(faces[:, 2] * faces[:, 3])] if len(faces) else None


def shrunk(samples: list[Sample], sure: float, side_px: float) -> list[Sample]:
    """The same pictures, scaled so that the largest face has `side_px`."""
    result = []
    for image, faces in samples:
        main = largest(faces, sure)
        if main is not None:
            scale = side_px / float(np.sqrt(main[2] * main[3]))
            size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            moved = faces.copy()
            moved[:, :14] *= np.tile([size[0] / image.shape[1], size[1] / image.shape[0]], 7)
            result.append((small, moved))
    return result


def phone_like_clips(pictures: list[Picture], part: str, teacher: Teacher) -> list[Sample]:
    """Every third frame of the clips of held-out speakers, as a poor phone would record it."""
    clips = sorted({picture.path for picture in pictures if picture.frame >= 0 and picture.part == part})
    return phone_like([(frame, teacher.label(frame)) for path in clips for frame in read_clip(path)[::3]])


def phone_like(samples: list[Sample]) -> list[Sample]:
    """Upright crops about the surest face, dim, blurred, noisy and compressed."""
    rng, result = np.random.default_rng(7), []
    for image, faces in samples:
        height, width = image.shape[:2]
        cut = min(width, round(0.705 * height))
        middle = (faces[:, 0] + faces[:, 2] / 2)[np.argmax(faces[:, 14])] if len(faces) else 0
        left = int(np.clip(middle - cut / 2, 0, width - cut))
        crop = cv2.resize(image[:, left : left + cut], (540, 766), interpolation=cv2.INTER_CUBIC)
        moved = faces.copy()
        moved[:, [0, 4, 6, 8, 10, 12]] -= left
        moved[:, :14] *= np.tile([540 / cut, 766 / height], 7)
        moved[:, 14] *= covered_share(moved, 0, 0, 540, 766) > 0.8  # what was cut away counts as unsure
        dim = (crop / 255.0) ** rng.uniform(0.9, 1.8) * rng.uniform(100, 255) + rng.normal(0, 6, crop.shape)
        dim = soften(rng, np.clip(dim, 0, 255).astype(np.uint8))
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 60))]
        result.append((cv2.imdecode(cv2.imencode(".jpg", dim, quality)[1], cv2.IMREAD_COLOR), moved))
    return result


def recorded(folder: Path, teacher: Teacher) -> list[Sample]:
    """Every 30th frame of the clips somewhere under a folder, decoded from their start."""
    clips = sorted(path for path in folder.rglob("*") if path.suffix in VIDEO_SUFFIXES)
    if not clips:
        raise FileNotFoundError(f"no clip lies under {folder}")
    return [(frame, teacher.label(frame)) for path in clips for frame in every_nth_frame(path, 30)]


def every_nth_frame(path: Path, step: int) -> Iterator[np.ndarray]:
    """Holds one frame at a time: phones record in 1080p."""
    capture, index = cv2.VideoCapture(str(path)), 0
    while capture.grab():
        if index % step == 0:
            ok, frame = capture.retrieve()
            if ok:
                yield frame
        index += 1


def glasses(root: Path, teacher: Teacher) -> dict[str, list[Sample]]:
    """The pictures of glasses.txt, held-out people and UTKFace apart."""
    groups = defaultdict(list)
    for line in Path(__file__).with_name("glasses.txt").read_text().splitlines():
        if not line.startswith("#"):
            image = cv2.imread(str(root / line))
            groups["UTKFace, glasses" if "utkface" in line else "glasses"].append((image, teacher.label(image)))
    return dict(groups)


def utkface(root: Path, teacher: Teacher) -> dict[str, list[Sample]]:
    """By gender and ethnicity, read from the file names."""
    groups = defaultdict(list)
    for path in sorted((root / "eval/utkface").glob("*.jpg")):
        age, gender, ethnicity, *_ = path.name.split("_")
        image = cv2.imread(str(path))
        sample = (image, teacher.label(image))
        if gender.isdigit() and ethnicity.isdigit():
            groups[f"UTKFace {ETHNICITIES[int(ethnicity)]}"].append(sample)
            groups[f"UTKFace {GENDERS[int(gender)]}"].append(sample)
            groups[f"UTKFace {age_band(int(age))}"].append(sample)
    return dict(sorted(groups.items()))


def age_band(age: int) -> str:
    if age < 13:
        return "under 13 years"
    return "13 to 59 years" if age < 60 else "60 years and over"


def crowds(root: Path, teacher: Teacher) -> dict[str, list[Sample]]:
    """WIDER FACE (squashed to 416x416) and dlib's examples: crowds, profiles, blur."""
    folder = root / "eval/detection_eval"
    groups = {}
    for name in ("wider_val416", "dlib"):
        images = [cv2.imread(str(path)) for path in sorted((folder / name).glob("*.jpg"))]
        groups[name] = [(image, teacher.label(image)) for image in images]
    return groups


def human_boxes(root: Path) -> list[Sample]:
    """WIDER FACE with its own boxes instead of the teacher's (landmarks are zero)."""
    folder, boxes = root / "eval/detection_eval", defaultdict(list)
    with open(folder / "wider_val416_boxes.csv", newline="") as file:
        for row in csv.DictReader(file):
            x1, y1, x2, y2 = (float(row[name]) for name in ("x1", "y1", "x2", "y2"))
            boxes[row["image"]].append([x1, y1, x2 - x1, y2 - y1, *[0.0] * 10, 1.0])
    return [
        (cv2.imread(str(folder / "wider_val416" / name)), np.array(rows, np.float32))
        for name, rows in sorted(boxes.items())
    ]


def faceless(root: Path, teacher: Teacher) -> list[np.ndarray]:
    """Photographs, test videos and drawn patterns without faces (the teacher sees none either, even unsurely)."""
    rng = np.random.default_rng(11)
    images = photographs(TEST_FILES) + [draw_pattern(rng, 640, 360) for _ in range(200)]
    for path in sorted((root / "video_corpus").rglob("*")):
        if path.suffix not in VIDEO_SUFFIXES:
            continue
        ok, frame = cv2.VideoCapture(str(path)).read()
        if ok and min(frame.shape[:2]) >= 64 and not len(teacher.label(frame)):
            images.append(frame)
    return images

