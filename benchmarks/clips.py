"""Inputs of the benchmarks: realistic clips, made once by FFmpeg from this repository's demo face."""

from __future__ import annotations

import subprocess
from pathlib import Path

from contest import ROOT

FRAME_RATE = 30
SECONDS = 10
SIZES = {"360p": (640, 360, 0.8), "720p": (1280, 720, 4), "1080p": (1920, 1080, 10), "4k": (3840, 2160, 40)}  # Mbit/s
# Phones' own encoders use no bidirectional frames and a key frame a second; the web's use both longer groups and them.
H264 = {1: ["-bf", "0", "-refs", "1"], 2: ["-bf", "3"], 10: ["-bf", "3"]}
ENCODERS = {
    "h264": ["-c:v", "libx264", "-preset", "veryfast", "-sc_threshold", "0"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:scenecut=0:bframes=3", "-tag:v", "hvc1"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"],
    "av1": ["-c:v", "libsvtav1", "-preset", "12"],
}
SHARE_OF_H264 = {"h264": 1.0, "hevc": 0.6, "vp9": 0.65, "av1": 0.5}
FOLDER = ROOT / "target/bench-inputs"


def clip(folder: Path, codec: str, size: str, group_s: int, seconds: int = SECONDS) -> Path:
    """The demo face with film grain and a slow zoom, at a phone's bit rate, with a key frame every `group_s` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{codec}-{size}-{group_s}s" + ("" if seconds == SECONDS else f"-{seconds}s-long")
    path = folder / f"{name}{'.webm' if codec == 'vp9' else '.mp4'}"
    width, height, mbit_per_s = SIZES[size]
    rate = f"{mbit_per_s * SHARE_OF_H264[codec]:.3f}M"
    zoom = f"zoompan=z='1+0.0005*in':d=1:s={width}x{height}:fps={FRAME_RATE}"
    fit = f"fps={FRAME_RATE},scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},{zoom},noise=alls=6:allf=t"
    capped = [] if codec == "av1" else ["-maxrate", rate, "-bufsize", rate]
    return ffmpeg(path, "-stream_loop", "-1", "-i", str(ROOT / "videos/genuine.mp4"), "-t", str(seconds), "-an", "-vf", fit,
                  "-pix_fmt", "yuv420p", *ENCODERS[codec], *(H264[group_s] if codec == "h264" else []),
                  "-b:v", rate, *capped, "-g", str(group_s * FRAME_RATE), "-keyint_min", str(group_s * FRAME_RATE))


def repeat(path: Path, target: Path, seconds: int) -> Path:
    """A clip over and over, for so many seconds."""
    return ffmpeg(target, "-stream_loop", "-1", "-i", str(path), "-t", str(seconds), "-c", "copy")


def ffmpeg(path: Path, *arguments: str) -> Path:
    """`path`, made by these arguments unless it is there."""
    if not path.exists():
        part = path.with_name(f".part-{path.name}")
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, str(part)], check=True)
        part.rename(path)
    return path
