"""From upload to answer, ours beside the peer: one table.

    scripts/bench.sh service [--rounds 3] [--only 1080p]

Four take turns: ours as served (in bfloat16 where the processor has it, else the frame model in 8-bit integers) and in 32 bits, and the
peer in either. An
answer counts only where all agree: their probabilities may lie TOLERANCE apart. Ratios are taken between equals in precision.
Memory is watched in a round of its own, which is not timed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from clips import FOLDER, clip
from contest import geometric_mean, machine, middle_half, of_this_kind, served_precision, store, take_turns
from services import PACKAGES, MemoryWatch, Service, ours, peer, upload

INPUTS = (("h264", "360p"), ("h264", "720p"), ("h264", "1080p"), ("h264", "4k"), ("hevc", "1080p"), ("vp9", "720p"))
GROUP_S = 2
# The service follows faces through windows of 192 px, the peer looks at whole frames; landmarks lie a few percent of an eye distance
# apart, frames are converted by FFmpeg 5.1's swscale here and OpenCV's there, and OpenCV 4.6 warps by 1/32 of a pixel.
TOLERANCE = 0.05
SERVED = served_precision()
PRECISIONS = (SERVED, "fp32")
STEPS = ("upload", "wait", "decode", "faces", "queue", "inference", "store")


def contestants(program: Path) -> dict[str, tuple[Service, Service]]:
    """Ours and the peer by precision, the one as served first."""
    return {
        SERVED: (ours(program), peer("fastapi", precision=SERVED)),
        "fp32": (ours(program, "framewitness fp32", PRECISION="fp32", FRAME_MODEL_PRECISION="fp32"), peer("fastapi fp32", precision="fp32")),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="inputs whose name holds this")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--ours", type=Path, required=True, help="the program, built with --release")
    arguments = parser.parse_args()
    bodies = {f"{codec}-{size}": upload(clip(arguments.folder, codec, size, GROUP_S)) for codec, size in INPUTS if arguments.only in f"{codec}-{size}"}
    pairs, facts, table = contestants(arguments.ours), machine(), {}
    everybody = [service for pair in pairs.values() for service in pair]
    try:
        for service in everybody:
            print(f"{service.name}: ready after {service.start():.1f} s", flush=True)
        for name, body in bodies.items():
            answers = take_turns(everybody, {"body": body}, arguments.rounds)
            table[name] = {precision: compare(*(answers[service.name] for service in pair)) for precision, pair in pairs.items()}
            table[name]["memory"] = {service.name: peak(service, body) for service in pairs[SERVED]}
            check(name, answers)
            print(row(name, table[name]), flush=True)
    finally:
        for service in everybody:
            service.end()
    summary = summarise(table)
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    if not arguments.only:
        versions = {package: version(package) for package in PACKAGES}
        store(of_this_kind("service"), {"machine": facts, "versions": versions, "rounds": arguments.rounds, "summary": summary, "inputs": table})


def check(name: str, answers: dict[str, list[dict]]):
    """Everybody must have come to the same."""
    failed = {who: given[-1]["error"] for who, given in answers.items() if "error" in given[-1]}
    if failed:
        raise SystemExit(f"{name}: {failed}")
    said = {who: given[-1]["probability"] for who, given in answers.items()}
    apart = max(said.values()) - min(said.values())
    print(f"{name}: probabilities {', '.join(f'{who} {p:.4f}' for who, p in said.items())}; {apart:.4f} apart, allowed {TOLERANCE}")
    assert apart <= TOLERANCE, f"{name}: the contestants do not do the same"


def compare(own: list[dict], theirs: list[dict]) -> dict:
    seconds = [[answer["seconds"] for answer in given] for given in (own, theirs)]
    ratios = [b / a for a, b in zip(*seconds)]
    result = {who: {"median_s": statistics.median(given), "spread_s": middle_half(given), "probability": answers[-1].get("probability"),
                    "verdict": answers[-1].get("verdict")} for who, given, answers in zip(("ours", "peer"), seconds, (own, theirs))}
    steps = {step: statistics.median(answer["timing"].get(step, 0.0) for answer in own) for step in STEPS}
    steps["rest"] = statistics.median(1000 * answer["seconds"] - sum(answer["timing"].values()) for answer in own)
    return result | {"ratio": statistics.median(ratios), "ours_ms": {step: round(took, 1) for step, took in steps.items()}}


def peak(service: Service, body: bytes) -> dict[str, float]:
    with MemoryWatch(service.process.pid) as watch:
        service.predict(body)
    return {f"{kind}_mb": round(value) for kind, value in watch.peak.items()}


def row(name: str, figures: dict) -> str:
    cells = [f"{precision}: ours {figures[precision]['ours']['median_s']:.2f} s, peer {figures[precision]['peer']['median_s']:.2f} s "
             f"({figures[precision]['ratio']:.2f} times)" for precision in PRECISIONS]
    steps = ", ".join(f"{step} {took:.0f}" for step, took in figures[SERVED]["ours_ms"].items())
    memory = ", ".join(f"{who} {at['pss_mb']} MB" for who, at in figures["memory"].items())
    return f"{name:12} {'; '.join(cells)}\n{'':12} ours, ms: {steps}; peak {memory}"


def summarise(table: dict[str, dict]) -> dict:
    ratios = {precision: [figures[precision]["ratio"] for figures in table.values()] for precision in PRECISIONS}
    shares = [own["pss_mb"] / theirs["pss_mb"] for own, theirs in (figures["memory"].values() for figures in table.values())]
    return {
        **{f"times the peer's speed, geometric mean, {precision}": round(geometric_mean(ratios[precision]), 2) for precision in PRECISIONS},
        f"lowest, {SERVED}": round(min(ratios[SERVED]), 2),
        "share of the peer's peak memory, largest": round(max(shares), 2),
        "share of the peer's peak memory, geometric mean": round(geometric_mean(shares), 2),
    }


if __name__ == "__main__":
    main()
