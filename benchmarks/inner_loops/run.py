"""What the loops inside a verdict cost, one frame, face or file at a time: one table of ours alone, by Criterion.

    scripts/bench.sh inner_loops
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from contest import ROOT, machine, store


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, required=True, help="the built benchmark `inner_loops`")
    arguments = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory() as home:
        subprocess.run([str(arguments.ours), "--bench"], check=True, cwd=ROOT, env=os.environ | {"CRITERION_HOME": home})
        loops = dict(sorted(measured(folder.parent) for folder in Path(home).rglob("new")))
    store("inner-loops", {"machine": facts, "loops": loops})


def measured(folder: Path) -> tuple[str, dict]:
    """Name of a loop, and its median with the 95 % interval that Criterion's resampling gives."""
    what = json.loads((folder / "new/benchmark.json").read_text())
    median = json.loads((folder / "new/estimates.json").read_text())["median"]
    interval = median["confidence_interval"]
    figure = {"median_us": median["point_estimate"] / 1e3, "interval_us": [interval["lower_bound"] / 1e3, interval["upper_bound"] / 1e3]}
    if what["throughput"]:
        figure["mb_per_s"] = what["throughput"]["Bytes"] / median["point_estimate"] * 1e3
    return what["function_id"] or what["group_id"], figure


if __name__ == "__main__":
    main()
