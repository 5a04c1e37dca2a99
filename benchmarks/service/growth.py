"""What a unit of work costs as there is more of it: one table and one plot, of ours alone.

    scripts/bench.sh service/growth [--most 1000]

Four kinds of more, each beginning small: videos that wait in the queue (seconds each until all are done; two frames of each, so that a
thousand take minutes and what the queue itself costs would show), clients that each wait for their
answer (seconds of the machine an answer; who is turned away asks again when `Retry-After` says), minutes of video (seconds an answer),
faces in a frame (seconds an answer and face). Beside each the peak memory of all processes. Cost that grows more slowly than work
shows as a line that falls or stays.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from clips import FOLDER, clip, ffmpeg
from contest import ROOT, machine, store
from services import BOUNDARY, MemoryWatch, Service, ours, upload

QUEUED = (1, 10, 100, 1000)
CLIENTS = (1, 4, 16, 64)
MINUTES = (1 / 6, 1, 10, 60)
FACES = (1, 2, 4, 6, 10)
CLIP_S = 5
ANSWERS_A_CLIENT = 2
ROUNDS = 3
COLUMNS = 5  # of faces in a frame
# An hour of video and ten people are more than is allowed by default.
SETTINGS = {
    "MAX_DURATION_S": "4000", "MAX_FRAMES": "200000", "MAX_TRACKS": "10", "MAX_FACES_PER_FRAME": "10", "MAX_BODY_BYTES": str(2 << 30),
    "MAX_UPLOADS": "128", "MAX_UPLOADS_PER_SENDER": "127", "MAX_QUEUED_JOBS": "2000", "KEY_REQUESTS_PER_MINUTE": "0",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=QUEUED[-1], help="videos in the queue at most")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--ours", type=Path, required=True, help="the program, built with --release")
    arguments = parser.parse_args()
    short = upload(clip(arguments.folder, "h264", "360p", 2, CLIP_S))
    ten = clip(arguments.folder, "h264", "360p", 2)
    facts, series = machine(), {}
    quick = ours(arguments.ours, **SETTINGS, SAMPLE_FRAMES="2", MIN_SCORED_FRAMES="1")
    try:
        quick.start()
        quick.predict(short)
        series["queued videos"] = grown(quick, [n for n in QUEUED if n <= arguments.most], lambda n: wait_for_jobs(quick, short, n) / n)
    finally:
        quick.end()
    service = ours(arguments.ours, **SETTINGS)
    try:
        service.start()
        service.predict(short)
        series["clients"] = grown(service, CLIENTS, lambda n: ask_together(service, short, n) / (n * ANSWERS_A_CLIENT))
        series["minutes of video"] = grown(service, MINUTES, lambda minutes: answered(service, lengthened(ten, minutes)))
        series["faces in a frame"] = grown(service, FACES, lambda n: answered(service, crowd(arguments.folder, n)) / n)
    finally:
        service.end()
    summary = {f"{kind}: cost of a unit at the most, times that at the least": last_to_first(points) for kind, points in series.items()}
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    draw(series, ROOT / "benchmarks/results/growth.svg")
    store("growth", {"machine": facts, "versions": {"matplotlib": version("matplotlib")}, "settings": SETTINGS, "summary": summary, "series": series})


def grown(service: Service, steps: list[float], cost) -> dict[float, dict]:
    """Seconds a unit and peak memory at every step."""
    points = {}
    for step in steps:
        with MemoryWatch(service.process.pid, 0.25) as watch:
            seconds = cost(step)
        points[step] = {"seconds_a_unit": round(seconds, 3), "peak_pss_mb": round(watch.peak["pss"])}
        print(f"{step:8.2f} {points[step]}", flush=True)
    return points


def last_to_first(points: dict[float, dict]) -> float:
    first, *_, last = (point["seconds_a_unit"] for point in points.values())
    return round(last / first, 2)


def wait_for_jobs(service: Service, body: bytes, count: int) -> float:
    """From the first of so many jobs until the last is done."""
    started = time.perf_counter()
    places = [json.loads(asked(service, "POST", "/api/v1/analyses", body)[1])["id"] for _ in range(count)]
    for place in places:
        while (state := json.loads(asked(service, "GET", f"/api/v1/analyses/{place}")[1])["state"]) in ("queued", "running"):
            time.sleep(0.05)
        assert state == "done", f"the job {place} is {state}"
    return time.perf_counter() - started


def ask_together(service: Service, body: bytes, clients: int) -> float:
    """Until each of so many clients has its answers."""
    failed = []

    def client():
        for _ in range(ANSWERS_A_CLIENT):
            while True:
                status, text, retry_s = asked(service, "POST", "/predict", body)
                if status != 429:
                    break
                time.sleep(retry_s)
            if status != 200:
                failed.append(text)

    started = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    return time.perf_counter() - started


def answered(service: Service, path: Path) -> float:
    """The median of a few answers."""
    body, seconds = upload(path), []
    for _ in range(ROUNDS):
        answer = service.predict(body)
        assert "error" not in answer, answer
        seconds.append(answer["seconds"])
    return statistics.median(seconds)


def asked(service: Service, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes, float]:
    """Status, text, and the seconds that `Retry-After` names."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
    try:
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} if body else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(), float(response.headers.get("Retry-After", 1))
    finally:
        connection.close()


def lengthened(path: Path, minutes: float) -> Path:
    """A clip of ten seconds, over and over."""
    if minutes < 1:
        return path
    return ffmpeg(path.with_name(f"{path.stem}-{minutes}min.mp4"), "-stream_loop", str(int(minutes * 6) - 1), "-i", str(path), "-c", "copy")


def crowd(folder: Path, count: int) -> Path:
    """So many faces side by side in 1080p, each as large as one of ten, moving as the demo's does."""
    rows = 2
    side = 1920 // COLUMNS
    tiles = "".join(f"[t{n}]overlay=x={side * (n % COLUMNS)}:y={side * (n // COLUMNS % rows)}:shortest=1[o{n}];[o{n}]" for n in range(count))
    split = f"[0:v]fps=30,scale={side}:{side}:force_original_aspect_ratio=increase,crop={side}:{side},split={count}" + "".join(f"[t{n}]" for n in range(count))
    graph = f"{split};color=gray:s=1920x1080:r=30[o];[o]{tiles}null[out]"
    return ffmpeg(folder / f"crowd-{count}.mp4", "-stream_loop", "-1", "-t", "10", "-i", str(ROOT / "videos/genuine.mp4"), "-an", "-filter_complex", graph,
                  "-map", "[out]", "-t", "10", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "8M", "-g", "60", "-pix_fmt", "yuv420p")


def draw(series: dict[str, dict[float, dict]], path: Path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    matplotlib.rcParams["svg.fonttype"] = "none"  # letters, not their outlines
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(series), figsize=(3.2 * len(series), 3), layout="constrained")
    for axis, (kind, points) in zip(axes, series.items()):
        seconds, memory = ([point[key] for point in points.values()] for key in ("seconds_a_unit", "peak_pss_mb"))
        axis.plot(list(points), seconds, "o-", color="tab:blue")
        axis.set(xscale="log", xlabel=kind, ylim=(0, 1.3 * max(seconds)))
        axis.set_title("seconds a unit", color="tab:blue", fontsize=9, loc="left")
        beside = axis.twinx()
        beside.plot(list(points), memory, "s--", color="tab:orange")
        beside.set_ylim(0, 1.3 * max(memory))
        beside.set_title("peak memory, MB", color="tab:orange", fontsize=9, loc="right")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
