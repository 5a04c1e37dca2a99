"""The faces of a film's frames: looking for them as the service does, beside a look at every whole frame. One table.

    scripts/bench.sh faces [--rounds 3] FILE_OR_FOLDER …

Both use the same network in the same process with one thread, as a decode worker does. The faces that every-frame looks find
are the yardstick: who of them is found, who is found beside them, and how far landmarks lie apart. Peers (`peers.py`) run the
network on every whole frame in OpenCV's and ONNX Runtime's Python packages. `--before` names the same benchmark of an older
commit, whose looks at every frame take part.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from contest import ROOT, Contestant, compare, geometric_mean, machine, store, take_turns

HERE = Path(__file__).resolve().parent
PEERS = {
    "opencv": "times faster than the network in OpenCV 4.14 (Python) on every frame",
    "onnxruntime": "times faster than the network in ONNX Runtime (Python) on every frame",
    "before": "times faster than every frame in OpenCV 4.6, as until 2026-11-30",
}
SURE = 0.65  # the detector's confirm_score
MATCH_IOU = 0.5
FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg"}


def films(paths: list[Path]) -> list[Path]:
    found = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return [file for file in found if file.suffix.lower() in FILMS]


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two faces' boxes."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = one[1:5], other[1:5]
    shared = max(0.0, min(ax + aw, bx + bw) - max(ax, bx)) * max(0.0, min(ay + ah, by + bh) - max(ay, by))
    return shared / (aw * ah + bw * bh - shared)


def match(wanted: list[list[float]], given: list[list[float]]) -> list[tuple[list[float], list[float]]]:
    """Pairs of the same face, the strongest wanted first."""
    left, pairs = list(given), []
    for face in sorted(wanted, key=lambda face: -face[0]):
        best = max(left, key=lambda other: overlap(face, other), default=None)
        if best is not None and overlap(face, best) >= MATCH_IOU:
            left.remove(best)
            pairs.append((face, best))
    return pairs


def apart(one: list[float], other: list[float]) -> float:
    """Mean distance of the landmarks, in eye distances."""
    a, b = ([(face[5 + 2 * point], face[6 + 2 * point]) for point in range(5)] for face in (one, other))
    eyes = ((a[0][0] - a[1][0]) ** 2 + (a[0][1] - a[1][1]) ** 2) ** 0.5
    return statistics.mean(((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2) ** 0.5 for p, q in zip(a, b)) / max(eyes, 1e-6)


def trembling(frames: list[list[list[float]]]) -> list[float]:
    """How far the largest face's landmarks lie from the middle of those in the frames before and after, in eye distances."""
    largest = [max(faces, key=lambda face: face[3] * face[4]) if faces else None for faces in frames]
    middles = []
    for before, here, after in zip(largest, largest[1:], largest[2:]):
        if before and here and after and overlap(before, here) > 0.3 and overlap(here, after) > 0.3:
            middles.append(apart(here, [(a + b) / 2 for a, b in zip(before, after)]))
    return middles


def agreement(every: list, searched: list) -> dict:
    sure = [[face for face in faces if face[0] >= SURE] for faces in every]
    pairs = [pair for wanted, given in zip(sure, searched) for pair in match(wanted, given)]
    added = sum(
        sum(face[0] >= SURE for face in given) - sum(pair[1][0] >= SURE for pair in match(wanted, given))
        for wanted, given in zip(every, searched)
    )
    return {"sure": sum(map(len, sure)), "found": len(pairs), "added": added, "apart": [apart(*pair) for pair in pairs],
            "trembling_every": trembling(every), "trembling_search": trembling(searched)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "videos"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours", type=Path, required=True, help="the built benchmark `faces`")
    parser.add_argument("--before", type=Path, help="the benchmark `faces` as an older commit built it")
    arguments = parser.parse_args()
    ways = [Contestant(way, [str(arguments.ours)], lambda task, way=way: f"{way} {task['path']}") for way in ("search", "every-frame")]
    peers = [Contestant(name, [sys.executable, str(HERE / "peers.py"), name], lambda task: task["path"]) for name in ("opencv", "onnxruntime")]
    if arguments.before:
        peers.append(Contestant("before", [str(arguments.before)], lambda task: f"every-frame {task['path']}"))
    ways += peers
    facts, table = machine(), {}
    for path in films(arguments.paths):
        answers = take_turns(ways, {"path": str(path.resolve())}, arguments.rounds)
        if any("error" in answer for given in answers.values() for answer in given):
            print(f"{path.name}: {answers['search'][-1].get('error')}")
            continue
        figures = compare(answers, "search")
        seen = agreement(answers["every-frame"][-1]["frames"], answers["search"][-1]["frames"])
        table[path.name] = {**seen, "seconds": figures["search"]["median_s"], "spread_s": figures["search"]["spread_s"],
                            "every_seconds": figures["every-frame"]["median_s"], "ratio": figures["every-frame"]["ratio"],
                            **{f"ratio_{peer.name}": figures[peer.name].get("ratio") for peer in peers}}
        mean = statistics.mean(seen["apart"]) if seen["apart"] else 0
        others = ", ".join(f"{peer.name} {figures[peer.name].get('ratio', 0):.2f}" for peer in peers)
        print(f"{path.name:34} {figures['search']['median_s']:.3f} s, every frame {figures['every-frame']['ratio']:.2f} times that; "
              f"{others}; "
              f"sure faces {seen['found']} of {seen['sure']}, {seen['added']} more, landmarks {mean:.3f} apart", flush=True)
    for way in ways:
        way.end()
    summary = summarise(table, [peer.name for peer in peers])
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    rows = {name: {key: value for key, value in row.items() if not isinstance(value, list) or key == "spread_s"} for name, row in table.items()}
    store("faces", {"machine": facts, "rounds": arguments.rounds, "summary": summary, "films": rows})


def summarise(table: dict[str, dict], peers: list[str]) -> dict:
    total = lambda key: sum(row[key] for row in table.values())
    every = lambda key: [value for row in table.values() for value in row[key]]
    ratios = lambda key: [row[key] for row in table.values() if row[key]]
    return {
        "films": len(table),
        "times faster than every frame, geometric mean": round(geometric_mean(ratios("ratio")), 2),
        **{PEERS[peer]: round(geometric_mean(ratios(f"ratio_{peer}")), 2) for peer in peers},
        "share of the time": round(total("seconds") / total("every_seconds"), 3),
        "sure faces found again": f"{total('found')} of {total('sure')} ({total('found') / max(1, total('sure')):.4f})",
        "sure faces beside them": total("added"),
        "landmarks apart, eye distances, mean": round(statistics.mean(every("apart")), 4),
        "trembling of landmarks, eye distances, median: search": round(statistics.median(every("trembling_search")), 4),
        "trembling of landmarks, eye distances, median: every frame": round(statistics.median(every("trembling_every")), 4),
    }


if __name__ == "__main__":
    main()
