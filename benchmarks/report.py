"""Puts the tables of `results/*.json` into README.md, between `<!-- NAME -->` and `<!-- end -->`.

    python3 benchmarks/report.py
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS_OF_INFERENCE = {
    "eager": "eager", "channels_last": "channels-last", "compiled": "compiled", "script_frozen": "TorchScript", "onnx_runtime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
REDUCED = {"eager_bf16": "eager bf16", "openvino_bf16": "OpenVINO bf16", "onnx_runtime_int8": "ONNX Runtime int8"}


def stored(name: str) -> dict:
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def taken(result: dict) -> str:
    facts = result["machine"]
    return f"{facts['taken_at'][:16].replace('T', ' ')} UTC, {facts['cores']} cores ({processor(facts)}), commit {facts['commit'][:7]}."


def processor(facts: dict) -> str:
    return ", ".join(facts[key].replace("_", "-").upper() if key == "instructions" else facts[key] for key in ("cpu", "instructions") if key in facts)


def ratio(figure: dict | None) -> str:
    return f"{figure['ratio']:.2f}" if figure and figure.get("ratio") else "–"


def sampling() -> str:
    result = stored("sampling")
    peers = ("opencv_sequential", "pyav", "decord", "torchcodec")
    rows = [[name, f"{figures['framewitness']['median_s']:.2f}", *(ratio(figures.get(peer)) for peer in peers)] for name, figures in result["inputs"].items()]
    return f"{taken(result)}\n\n" + table(["input", "ours, s", "OpenCV", "PyAV", "decord", "torchcodec"], rows)


def faces() -> str:
    result = stored("faces")
    rows = [[key, str(value)] for key, value in result["summary"].items()]
    return f"{taken(result)}\n\n" + table(["search beside a look at every frame", ""], rows)


def service(name: str = "service") -> str:
    result = stored(name)
    served, exact = (key for key in next(iter(result["inputs"].values())) if key != "memory")
    rows = [[name, *(f"{figures[kind][who]['median_s']:.2f}" if who else f"**{figures[kind]['ratio']:.2f}**"
                     for kind in (served, exact) for who in ("ours", "peer", "")),
             *(str(at["pss_mb"]) for at in figures["memory"].values())] for name, figures in result["inputs"].items()]
    head = [f"10 s of, in {served}", "ours, s", "peer, s", "ratio", "ours fp32, s", "peer fp32, s", "ratio", "ours, peak MB", "peer, peak MB"]
    steps = ["upload", "decode", "faces", "inference", "store", "rest"]
    where = [[name, *(f"{figures[served]['ours_ms'][step]:.0f}" for step in steps)] for name, figures in result["inputs"].items()]
    return f"{taken(result)} Medians of {result['rounds']} rounds.\n\n{table(head, rows)}\n\n{table(['ours, ms', *steps], where)}"


def load() -> str:
    result, rows = stored("load"), []
    for kind, unit in (("closed", "clients"), ("open", "of its own best")):
        keys = next(iter(result["contestants"].values()))[kind]
        for key in keys:
            cells = []
            for points in result["contestants"].values():
                point = points[kind][key]
                rate = f"{point['offered_per_s']:.2f} → " if "offered_per_s" in point else ""
                cells.append(f"{rate}{point['per_s']:.2f}/s, {point['p50_s']:.1f} / {point['p99_s']:.1f} s" if point["answers"] else "nothing")
            rows.append([f"{key} {unit}" if kind == "closed" else f"{float(key):.0%} {unit}", *cells])
    summary = "\n".join(f"- {key}: {value}" for key, value in result["summary"].items())
    return (f"{taken(result)} {result['clip']}, {result['seconds']:.0f} s a point; answers a second, p50 / p99.\n\n"
            f"{table(['', *result['contestants']], rows)}\n\n{summary}")


def start(name: str = "start") -> str:
    result = stored(name)
    rows = [[name, f"{at['median_s']:.2f}", f"{at['spread_s'][0]:.2f} to {at['spread_s'][1]:.2f}", str(at["first_pss_mb"]), str(at["second_adds_pss_mb"]),
             str(at["second_shared_mb"])] for name, at in result["contestants"].items()]
    head = ["", "ready after, s", "middle half", "PSS of one, MB", "a second adds, MB", "of which it shares, MB"]
    return f"{taken(result)} {result['rounds']} rounds in turns.\n\n{table(head, rows)}"


def growth() -> str:
    result = stored("growth")
    rows = []
    for kind, points in result["series"].items():
        steps = [f"{float(step):.4g}" for step in points]
        rows.append([kind, *(f"{step}: {at['seconds_a_unit']:.2f} s, {at['peak_pss_mb']} MB" for step, at in zip(steps, points.values())), *[""] * (5 - len(points))])
    summary = "\n".join(f"- {key}: {value}" for key, value in result["summary"].items())
    plot = "![What a unit costs and the peak memory as work grows](results/growth.svg)"
    return f"{taken(result)} Seconds a unit and peak memory.\n\n{table(['', *[''] * 5], rows)}\n\n{summary}\n\n{plot}"


def inference(name: str = "inference") -> str:
    result = stored(name)
    full, reduced = [], []
    for name, figures in result["networks"].items():
        def own(who: str, figures: dict = figures) -> list[str]:
            at = figures.get(who, {"error": "not run"})
            return ["–", "–"] if "error" in at else [f"{1000 * at['median_s']:.1f}", f"{at['share_of_matrix_rate']:.0%}"]

        best = max((at["share_of_matrix_rate"] for peer in PEERS_OF_INFERENCE if "error" not in (at := figures.get(peer, {"error": ""}))), default=None)
        full.append([name, f"{figures['gflop']:.1f}", *own("ours"), *(ratio(figures.get(peer)) for peer in PEERS_OF_INFERENCE), f"{best:.0%}" if best else "–"])
        eight_bits = f"{1000 * figures['ours_int8']['median_s']:.1f}" if "median_s" in figures.get("ours_int8", {}) else "–"
        reduced.append([name, *own("ours_bf16"), eight_bits, *(ratio(figures.get(peer)) for peer in REDUCED)])
    rates = result["gflop_per_s"]
    limit = f"Products of large matrices on this machine: {', '.join(f'{rate:.0f} GFLOP/s in {kind}' for kind, rate in rates.items())}."
    head = ["fp32", "GFLOP", "ours, ms", "of the matrix rate", *PEERS_OF_INFERENCE.values(), "best peer, of the matrix rate"]
    return (f"{taken(result)} {limit}\n\n{table(head, full)}\n\n"
            f"{table(['reduced', 'ours bf16, ms', 'of the matrix rate', 'ours int8, ms', *REDUCED.values()], reduced)}")


def inner_loops() -> str:
    result = stored("inner-loops")
    rows = [[name, microseconds(at["median_us"]), " to ".join(map(microseconds, at["interval_us"])), f"{at['mb_per_s']:.0f}" if "mb_per_s" in at else "–"]
            for name, at in result["loops"].items()]
    return f"{taken(result)} One thread.\n\n{table(['', 'median, µs', '95 % interval', 'MB/s'], rows)}"


def microseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def size() -> str:
    result = stored("size")
    megabytes = {key: f"{value / 1e6:.0f} MB" for key, value in result.items() if key.endswith("_bytes")}
    rows = [[key.removesuffix("_bytes").replace("_", " "), megabytes.get(key, str(value))] for key, value in result.items() if key not in ("commit", "taken_at")]
    return f"{result['taken_at']}, commit {result['commit'][:7]}.\n\n" + table(["", ""], rows)


TABLES = {make.__name__.replace("_", "-"): make for make in (sampling, faces, load, growth, inner_loops, size)}
# Of processors with AVX-512 BF16, without bfloat16, and with AMX.
TABLES |= {f"{make.__name__}{kind}": partial(make, f"{make.__name__}{kind}") for make in (inference, service, start) for kind in ("", "-int8", "-amx")}


def main():
    path = HERE / "README.md"
    text = path.read_text()
    for name, make in TABLES.items():
        if (HERE / "results" / f"{name}.json").exists():
            place = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            text = place.sub(lambda found, made=make(): f"{found[1]}\n{made}\n\n{found[2]}", text)
    path.write_text(text)


if __name__ == "__main__":
    main()
