"""What the benchmarks share: contestants are processes that wait for tasks, and are given each in turns.

Every contestant reads a line of a task and answers a line of JSON with `seconds`. They take turns round by round, so that
whatever else the machine does meets all alike, and the first round only warms up. Ratios are taken within a round; what is
printed and stored is their median, with the spread of the middle half.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Contestant:
    """A process that answers tasks; `say` turns a task into the line that it reads."""

    name: str
    command: list[str]
    say: callable
    process: subprocess.Popen | None = None

    def run(self, task: dict) -> dict:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
        self.process.stdin.write(self.say(task) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": f"{self.name} ended with status {self.process.wait()}"}

    def end(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def take_turns(contestants: list[Contestant], task: dict, rounds: int) -> dict[str, list[dict]]:
    """Answers of every contestant, round by round; who fails in the first round sits out."""
    answers: dict[str, list[dict]] = {contestant.name: [] for contestant in contestants}
    for round_number in range(rounds + 1):
        # Each round begins with another one, so that nobody always follows the same neighbour.
        turn = round_number % len(contestants)
        for contestant in contestants[turn:] + contestants[:turn]:
            if any("error" in answer for answer in answers[contestant.name]):
                continue
            answers[contestant.name].append(contestant.run(task))
    return {name: given[1:] if len(given) > 1 else given for name, given in answers.items()}


def compare(answers: dict[str, list[dict]], ours: str) -> dict[str, dict]:
    """Of each contestant the median seconds and, of the peers, how many times longer than ours they took."""
    own = [answer["seconds"] for answer in answers[ours]]
    table = {}
    for name, given in answers.items():
        if any("error" in answer for answer in given):
            table[name] = {"error": given[-1]["error"]}
            continue
        seconds = [answer["seconds"] for answer in given]
        ratios = [theirs / mine for theirs, mine in zip(seconds, own)]
        table[name] = {"median_s": statistics.median(seconds), "spread_s": middle_half(seconds), "ratio": statistics.median(ratios)}
    return table


def middle_half(values: list[float]) -> list[float]:
    if len(values) < 3:
        return [min(values), max(values)]
    low, _, high = statistics.quantiles(values, n=4)
    return [low, high]


def geometric_mean(values: list[float]) -> float:
    return statistics.geometric_mean(values)


def instructions() -> str:
    """The newest set of vector instructions that matters to networks."""
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    return next((known for known in ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx2") if known in flags), "none")


def served_precision() -> str:
    """What the frame model is served in on this processor, as `frame_model_precision = auto` decides."""
    return "bf16" if instructions() in ("amx_bf16", "avx512_bf16") else "int8"


def of_this_kind(name: str) -> str:
    """Results of processors that multiply bfloat16 by tiles (AMX), and of those without it, lie beside those of processors with AVX-512 BF16."""
    return name + {"amx_bf16": "-amx", "avx512_bf16": ""}.get(instructions(), "-int8")


def machine() -> dict:
    """What the figures rest on."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "src"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return {
        "cpu": cpu,
        "instructions": instructions(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "commit": commit + (" and changes" if changed else ""),
        "taken_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
    }


def store(name: str, result: dict):
    path = ROOT / "benchmarks/results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"stored in {path.relative_to(ROOT)}")
