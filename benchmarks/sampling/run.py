"""Thirty even frames as RGB, ours beside the peers: one table.

    scripts/bench.sh sampling [--rounds 5] [--only h264-1080p] [--folder FOLDER]

Inputs are made once by FFmpeg, from the demo face of this repository with film grain and a slow zoom, at the bit rates of
phones, and kept in FOLDER. Of the two long films only who seeks takes part. With `--only` the stored figures of the other inputs stay.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from clips import ENCODERS, FOLDER, H264, SIZES, clip, repeat
from contest import ROOT, Contestant, compare, geometric_mean, machine, store, take_turns

FRAMES = 30
# Thirty even frames of 119 s and of 599 s lie 119 and 599 frames apart, which is the same modulo the loop's 240: both films give the same
# pictures, at many places of a group, so that the longer one is not one of pictures that cost more.
LOOP_S = 8
LONG_S = {2: 119, 10: 599}
SEEKING = ("framewitness", "torchcodec")
PEERS = ("opencv_sequential", "opencv_seeking", "pyav", "decord", "torchcodec")
PACKAGES = ("opencv-python-headless", "av", "decord", "torchcodec", "torch", "numpy")


def inputs(folder: Path) -> dict[str, Path]:
    made = {}
    for codec in ENCODERS:
        for size in SIZES:
            for group_s in H264 if codec == "h264" else (2,):
                made[f"{codec}-{size}-{group_s}s"] = clip(folder, codec, size, group_s)
    looped = clip(folder, "h264", "1080p", 2, LOOP_S)
    for minutes, seconds in LONG_S.items():
        name = f"h264-1080p-2s-{minutes}min"
        made[name] = repeat(looped, folder / f"{name}-{seconds}s.mp4", seconds)
    return made


def even_indices(path: Path) -> list[int]:
    """The frame on screen at the middle of each of thirty slots, as Framewitness takes them."""
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]
    count = int(subprocess.run([*probe, str(path)], check=True, capture_output=True, text=True).stdout.strip().strip(","))
    return [count * (2 * slot + 1) // (2 * FRAMES) for slot in range(FRAMES)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="inputs whose name holds this")
    parser.add_argument("--without", help="inputs whose name does not hold this")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--ours", type=Path, required=True, help="the built benchmark `sampling`")
    arguments = parser.parse_args()
    contestants = [Contestant("framewitness", [str(arguments.ours)], lambda task: task["path"])]
    peers = Path(__file__).with_name("peers.py")
    contestants += [Contestant(peer, [sys.executable, str(peers), peer], json.dumps) for peer in arguments.peers]
    facts, tables = machine(), {}
    try:
        for name, path in inputs(arguments.folder).items():
            if arguments.only in name and (not arguments.without or arguments.without not in name):
                task = {"path": str(path), "indices": even_indices(path)}
                answers = take_turns([who for who in contestants if not name.endswith("min") or who.name in SEEKING], task, arguments.rounds)
                check_pictures(name, answers)
                tables[name] = compare(answers, "framewitness")
                print(row(name, tables[name]), flush=True)
    except KeyboardInterrupt:
        print("stopped; what was measured so far counts")
    for contestant in contestants:
        contestant.end()
    stored = ROOT / "benchmarks/results/sampling.json"
    if arguments.only and stored.exists():
        tables = json.loads(stored.read_text())["inputs"] | tables
    summary = summarise(tables)
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    versions = {package: version(package) for package in PACKAGES}
    store("sampling", {"machine": facts, "versions": versions, "rounds": arguments.rounds, "summary": summary, "inputs": tables})


def check_pictures(name: str, answers: dict[str, list[dict]]):
    """Everybody must have seen the same pictures; converters round differently."""
    means = {who: given[-1]["mean"] for who, given in answers.items() if "mean" in given[-1]}
    if max(means.values()) - min(means.values()) > 3:
        print(f"{name}: the pictures differ: {means}")


def row(name: str, table: dict[str, dict]) -> str:
    cells = []
    for who, figure in table.items():
        cells.append(f"{who} -" if "error" in figure else f"{who} {figure['median_s']:.3f} ({figure['ratio']:.2f})")
    return f"{name:24} " + "  ".join(cells)


def summarise(tables: dict[str, dict]) -> dict:
    best = {}
    for name, table in tables.items():
        ratios = [figure["ratio"] for who, figure in table.items() if who != "framewitness" and "ratio" in figure]
        if ratios:
            best[name] = min(ratios)
    short, long = (tables.get(f"h264-1080p-2s-{minutes}min", {}).get("framewitness", {}).get("median_s") for minutes in (2, 10))
    return {
        "times the best peer's speed, geometric mean": round(geometric_mean(best.values()), 3),
        "times the best peer's speed, lowest": f"{min(best.values()):.3f} ({min(best, key=best.get)})",
        "10 minutes over 2 minutes": round(long / short, 3) if short and long else None,
    }


if __name__ == "__main__":
    main()
