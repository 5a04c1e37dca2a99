"""Pack what a lent GPU needs into parts that each fit one transfer: foundation, faces, forgers' tools, an ffmpeg.

    python scripts/train/gpu_pack.py            # writes .gpu/1, .gpu/2, … in the repository root (git-ignored)
    python scripts/train/gpu_pack.py --unpack-faces KEPT, --unpack-tools KEPT   # on the GPU machine, into a cache folder

Nothing can be fetched there and 64 MiB travel at a time, the checkout's own files among them. Faces go first, so that generators
learn while the rest is on its way. They travel as JPEG at the size they were photographed at (never
enlarged); of a person of LFW two at most. The ffmpeg is the static one of the wheel imageio-ffmpeg (PyPI), a tool of
training that is never part of this repository.
"""

from __future__ import annotations

import argparse
import csv
import math
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np

from faces import CANVAS_PX, MARGIN_RATIO, TEMPLATE, Faces, canvases_file
from foundation import HALF, NAME, write_half
from settings import CACHE_DIR, FOUNDATIONS_DIR, REPOSITORY
from split import splits

PART_BYTES = 49 * 2**20  # beside the 13 MiB of scripts/train
SHARD_BYTES = 8 * 2**20
JPEG_QUALITY = 94
MOST_OF_A_PERSON = 2
FFMPEG_WHEEL = "imageio-ffmpeg==0.6.0"
TOOLS = ("autoencoder.pt", "redrawing.pt")
EYES = float(TEMPLATE[1, 0] - TEMPLATE[0, 0]) / MARGIN_RATIO  # distance of the eyes in sides of the canvas


def pack(cache_dir: Path, foundations: Path, target: Path, canvas_px: int) -> None:
    work = target / "work"
    shutil.rmtree(target, ignore_errors=True)
    work.mkdir(parents=True)
    write_half(foundations, work / (NAME + HALF))
    write_faces(Faces(cache_dir, canvas_px), cache_dir / "faces.csv", work)
    for name in TOOLS:
        shutil.copy(cache_dir / name, work)
    shutil.make_archive(str(work / "esrgan"), "gztar", cache_dir, "esrgan")
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", FFMPEG_WHEEL, "--dest", str(work)], check=True)
    everything = sorted(work.iterdir(), key=lambda path: -path.stat().st_size)
    of_faces = [path for path in everything if path.name.startswith("faces")]
    parts = in_parts(of_faces) + in_parts([path for path in everything if path not in of_faces])
    for number, part in enumerate(parts, start=1):
        (target / str(number)).mkdir()
        print(target / str(number), f"{sum(path.stat().st_size for path in part) / 2**20:.1f} MiB:", *sorted(path.name for path in part))
        for path in part:
            path.rename(target / str(number) / path.name)
    work.rmdir()


def in_parts(paths: list[Path]) -> list[list[Path]]:
    """Each file into the first part that has room for it."""
    parts: list[list[Path]] = []
    for path in paths:
        room = (part for part in parts if sum(other.stat().st_size for other in [*part, path]) <= PART_BYTES)
        part = next(room, None)
        if part is None:
            parts.append([path])
        else:
            part.append(path)
    return parts


def write_faces(faces: Faces, table: Path, work: Path) -> None:
    """faces-N.npz: JPEGs end to end with their lengths; and the rows of faces.csv that they belong to."""
    with open(table, newline="") as file:
        header, *rows = csv.reader(file)
    kept, coded, counts = [], [], {}
    for index, person in enumerate(faces.people):
        if splits()[person] == "test" or (faces.frames[index] >= 0 and faces.frames[index] % 10):
            continue
        counts[person] = counts.get(person, 0) + (faces.sources[index] == "lfw")
        if faces.sources[index] != "lfw" or counts[person] <= MOST_OF_A_PERSON:
            kept.append(rows[index])
            coded.append(as_photographed(faces.canvases[index], float(faces.eye_distance_px[index])))
    with open(work / "faces.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    shard_of = np.cumsum([len(data) for data in coded]) // SHARD_BYTES
    for number in range(shard_of[-1] + 1):
        mine = [coded[i] for i in np.flatnonzero(shard_of == number)]
        np.savez(work / f"faces-{number:02d}.npz", bytes=np.frombuffer(b"".join(mine), np.uint8), lengths=np.array([len(data) for data in mine]))


def as_photographed(canvas: np.ndarray, eye_distance_px: float) -> bytes:
    side = min(canvas.shape[0], math.ceil(eye_distance_px / EYES))
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA) if side < canvas.shape[0] else canvas
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def unpack_tools(kept: Path, cache_dir: Path) -> None:
    """What forges, and the ffmpeg, from the folder that the parts were moved into."""
    for name in TOOLS:
        shutil.copy(kept / name, cache_dir)
    shutil.unpack_archive(kept / "esrgan.tar.gz", cache_dir)
    with zipfile.ZipFile(next(kept.glob("imageio_ffmpeg-*.whl"))) as wheel:
        binary = next(name for name in wheel.namelist() if "/binaries/ffmpeg-linux" in name)
        (cache_dir / "bin").mkdir(exist_ok=True)
        (cache_dir / "bin/ffmpeg").write_bytes(wheel.read(binary))
        (cache_dir / "bin/ffmpeg").chmod(0o755)


def unpack_faces(kept: Path, cache_dir: Path, canvas_px: int) -> None:
    cache_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(kept / "faces.csv", cache_dir)
    canvases = []
    for path in sorted(kept.glob("faces-*.npz")):
        shard = np.load(path)
        data, ends = shard["bytes"], np.cumsum(shard["lengths"])
        for start, end in zip(ends - shard["lengths"], ends):
            canvas = cv2.imdecode(data[start:end], cv2.IMREAD_COLOR)
            interpolation = cv2.INTER_LINEAR if canvas.shape[0] <= canvas_px else cv2.INTER_AREA
            canvases.append(cv2.resize(canvas, (canvas_px, canvas_px), interpolation=interpolation)[..., ::-1])
    np.save(cache_dir / canvases_file(canvas_px), np.stack(canvases))
    print(f"{len(canvases)} faces on canvases of {canvas_px} px in {cache_dir}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--foundations", type=Path, default=FOUNDATIONS_DIR)
    parser.add_argument("--target", type=Path, default=REPOSITORY / ".gpu")
    parser.add_argument("--canvas-px", type=int, default=CANVAS_PX, help="canvas to pack from, or to unpack to")
    parser.add_argument("--unpack-faces", type=Path, help="the folder that the parts were moved into")
    parser.add_argument("--unpack-tools", type=Path, help="likewise")
    arguments = parser.parse_args()
    if arguments.unpack_faces:
        unpack_faces(arguments.unpack_faces, arguments.cache, arguments.canvas_px)
    elif arguments.unpack_tools:
        unpack_tools(arguments.unpack_tools, arguments.cache)
    else:
        pack(arguments.cache, arguments.foundations, arguments.target, arguments.canvas_px)
