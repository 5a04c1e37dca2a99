"""Aligned crops to logits, ours beside the peers: one table.

    scripts/bench.sh inference [--rounds 3] [--only resnext50-180 vit] [--prepare]

Ours is the service itself with a bundle of one network: what it states as `inference` in `Server-Timing`, which is everything on its
model thread (resize, normalise, run, read), in 32 bits, in bfloat16 and, for transformers, in 8-bit integers. Nothing else runs in it by then. `--prepare` only makes what the
peers need (exports, compiled kernels), so that the run itself is short. With `--only` the stored figures of the other networks stay.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "service")]
import numpy as np
from clips import clip
from clips import FOLDER as CLIPS
from contest import ROOT, Contestant, geometric_mean, machine, middle_half, of_this_kind, served_precision, store, take_turns
from models import FOLDER, TIMED, bundle
from services import Service, ours, upload

FP32 = ("eager", "channels_last", "compiled", "script_frozen", "onnx_runtime", "openvino")
REDUCED = ("eager_bf16", "openvino_bf16", "onnx_runtime_int8")
OURS_REDUCED = ("ours_bf16", "ours_int8")
PACKAGES = ("torch", "torchvision", "transformers", "onnx", "onnxruntime", "openvino", "numpy")
TRANSFORMERS = ("frame-dino-s", "vit-l-14")
REQUESTS_A_TURN = 3


class OursTimed:
    """The service with a bundle of one network that sees `batch` crops; `run` gives its own statement of the time."""

    def __init__(self, name: str, program: Path, precision: str):
        self.name, self.program, self.precision, self.service, self.told = name, program, precision, None, None

    def run(self, task: dict) -> dict:
        if self.told != task:
            self.end()
            self.service = self.serving(task)
            self.service.start()
            self.told = task
        answers = [self.service.predict(body()) for _ in range(REQUESTS_A_TURN)]
        failed = [answer["error"] for answer in answers if "error" in answer]
        return {"error": failed[0]} if failed else {"seconds": statistics.median(answer["timing"]["inference"] for answer in answers) / 1000}

    def serving(self, task: dict) -> Service:
        batch = str(task["batch"])
        return ours(self.program, self.name, MODELS_DIR=str(bundle(task["model"])), SAMPLE_FRAMES=batch, FRAME_MODEL_FRAMES="0",
                    MIN_SCORED_FRAMES="1", PRECISION=self.precision, FRAME_MODEL_PRECISION="same")

    def end(self):
        if self.service is not None:
            self.service.end()
            self.service = self.told = None


def worth_running(who: str, network: str) -> bool:
    """bfloat16 is only emulated, many times slower, where the processor has no instructions for it; of 8-bit integers transformers have the
    use."""
    emulated = who.endswith("bf16") and served_precision() != "bf16"
    return not emulated and (who != "ours_int8" or network in TRANSFORMERS)


def body() -> bytes:
    return upload(clip(CLIPS, "h264", "360p", 2))


def write_canvases():
    """The crops that the service sees, as the peers are given them."""
    file = FOLDER / "canvases.npy"
    if not file.exists():
        from pipeline import Pipeline

        FOLDER.mkdir(parents=True, exist_ok=True)
        np.save(file, np.stack(Pipeline().crops(str(clip(CLIPS, "h264", "360p", 2)))).transpose(0, 3, 1, 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[""], help="networks whose name holds one of these")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--peers", nargs="*", default=FP32 + REDUCED)
    parser.add_argument("--ours", type=Path, required=True, help="the program, built with --release")
    arguments = parser.parse_args()
    write_canvases()
    program = str(Path(__file__).with_name("peers.py"))
    peers = {name: Contestant(name, [sys.executable, program, name], json.dumps) for name in arguments.peers}
    own = [] if arguments.prepare else [OursTimed("ours", arguments.ours, "fp32"), OursTimed("ours_bf16", arguments.ours, "bf16"),
                                          OursTimed("ours_int8", arguments.ours, "int8")]
    facts, table = machine(), {}
    meter = Contestant("meter", [sys.executable, program, "eager"], json.dumps)
    rates = {kind: meter.run({"gemm": kind})["gflop_per_s"] for kind in ("fp32", "bf16") if kind == "fp32" or served_precision() == "bf16"}
    print("products of matrices: " + ", ".join(f"{kind} {rate:.0f} GFLOP/s" for kind, rate in rates.items()))
    try:
        for name, timed in TIMED.items():
            for batch in timed.batches if any(part in name for part in arguments.only) else ():
                task = {"model": name, "batch": batch}
                operations = meter.run({"operations": name, "batch": batch})["gflop"]
                meter.end()
                if arguments.prepare:
                    for peer in (each for each in peers.values() if worth_running(each.name, name)):
                        print(name, batch, peer.name, peer.run(task), flush=True)
                        peer.end()
                    continue
                running = [each for each in [*own, *peers.values()] if worth_running(each.name, name)]
                answers = take_turns(running, task, arguments.rounds)
                table[f"{name} x{batch}"] = figures(answers, operations, rates)
                print(row(f"{name} x{batch}", table[f"{name} x{batch}"]), flush=True)
    finally:
        for contestant in [*own, *peers.values(), meter]:
            contestant.end()
    if arguments.prepare:
        return
    stored = ROOT / f"benchmarks/results/{of_this_kind('inference')}.json"
    if arguments.only != [""] and stored.exists():
        table = json.loads(stored.read_text())["networks"] | table
    summary = summarise(table)
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    versions = {package: version(package) for package in PACKAGES}
    store(of_this_kind("inference"), {"machine": facts, "versions": versions, "rounds": arguments.rounds, "gflop_per_s": rates, "summary": summary, "networks": table})


def figures(answers: dict[str, list[dict]], gflop: float, rates: dict[str, float]) -> dict:
    """Of each its seconds, how many times longer than ours it took (a reduced precision: than the faster of our two), and its share of the
    matrix rate."""
    eager = answers.get("eager", [{}])[-1].get("logits")
    result = {"gflop": round(gflop, 2)}
    for name, given in answers.items():
        if any("error" in answer for answer in given):
            result[name] = {"error": given[-1]["error"]}
            continue
        seconds = [answer["seconds"] for answer in given]
        reduced = name in OURS_REDUCED or name in REDUCED
        against = zip(*(answers[mine] for mine in (OURS_REDUCED if reduced else ("ours",)) if mine in answers))
        fastest = [min((mine["seconds"] for mine in turn if "seconds" in mine), default=None) for turn in against]
        ratios = [took / mine for took, mine in zip(seconds, fastest) if mine]
        median = statistics.median(seconds)
        result[name] = {"median_s": round(median, 5), "spread_s": middle_half(seconds), "ratio": round(statistics.median(ratios), 3) if ratios else None,
                        "share_of_matrix_rate": round(gflop / median / rates["bf16" if "bf16" in name else "fp32"], 3)}
        if eager and "logits" in given[-1]:
            result[name]["logits_apart"] = max(abs(a - b) for a, b in zip(given[-1]["logits"], eager))
    return result


def row(name: str, figures: dict) -> str:
    cells = []
    for who, figure in figures.items():
        if who != "gflop":
            cells.append(f"{who} -" if "error" in figure else f"{who} {1000 * figure['median_s']:.0f} ms ({figure['ratio'] or 0:.2f}, {100 * figure['share_of_matrix_rate']:.0f} %)")
    return f"{name:18} {figures['gflop']:.1f} GFLOP  " + "  ".join(cells)


def summarise(table: dict[str, dict]) -> dict:
    best = {"fp32": {}, "reduced": {}}
    for name, figures in table.items():
        for kind, peers in (("fp32", FP32), ("reduced", REDUCED)):
            ratios = {peer: figures[peer]["ratio"] for peer in peers if figures.get(peer, {}).get("ratio")}
            if ratios:
                best[kind][name] = min(ratios.values())
    gains = {mine: [figures["ours"]["median_s"] / figures[mine]["median_s"] for figures in table.values() if "median_s" in figures["ours"] and "median_s" in figures.get(mine, {})]
             for mine in OURS_REDUCED}
    return {
        "times the best fp32 peer's speed, geometric mean": round(geometric_mean(best["fp32"].values()), 2) if best["fp32"] else None,
        "lowest, fp32": min(best["fp32"].items(), key=lambda entry: entry[1], default=None),
        "times the best reduced peer's speed, geometric mean": round(geometric_mean(best["reduced"].values()), 2) if best["reduced"] else None,
        "bf16 over fp32, ours, geometric mean": round(geometric_mean(gains["ours_bf16"]), 2) if gains["ours_bf16"] else None,
        "int8 over fp32, our transformers, geometric mean": round(geometric_mean(gains["ours_int8"]), 2) if gains["ours_int8"] else None,
    }


if __name__ == "__main__":
    main()
