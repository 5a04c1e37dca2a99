"""From the start of a process to ready, ours beside the peer, and what a second process costs in memory.

    scripts/bench.sh service/start [--rounds 10]

Ready is what `/readyz` says with 200: the default bundle is loaded and has run once. Files are in the page cache, the data folder is
there (its signing key is made at the very first start, which is not counted).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from contest import machine, middle_half, of_this_kind, store
from services import PACKAGES, Service, memory, ours, peer

REST_S = 7  # ours gives back what loading left on the heaps when nothing has come for five seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--ours", type=Path, required=True, help="the program, built with --release")
    arguments = parser.parse_args()
    contestants, facts = [ours(arguments.ours), peer("fastapi")], machine()
    seconds = {service.name: [] for service in contestants}
    for round_number in range(arguments.rounds + 1):
        for service in contestants:
            took = service.start()
            service.end()
            if round_number:
                seconds[service.name].append(took)
    table = {name: {"median_s": round(statistics.median(given), 3), "spread_s": middle_half(given)} for name, given in seconds.items()}
    for one, other in ((ours(arguments.ours), ours(arguments.ours)), (peer("fastapi"), peer("fastapi"))):
        table[one.name] |= second_process(one, other)
    own, theirs = (table[service.name] for service in contestants)
    summary = {"times the peer's speed": round(theirs["median_s"] / own["median_s"], 2), "ready within 2 s": own["median_s"] < 2,
               "share of the peer's memory, one process": round(own["first_pss_mb"] / theirs["first_pss_mb"], 2)}
    for name, figures in table.items():
        print(f"{name:14} ready after {figures['median_s']:.2f} s; PSS {figures['first_pss_mb']} MB, a second one adds {figures['second_adds_pss_mb']} MB "
              f"and shares {figures['second_shared_mb']} MB")
    print("\n".join(f"{key}: {value}" for key, value in summary.items()))
    versions = {package: version(package) for package in PACKAGES}
    store(of_this_kind("start"), {"machine": facts, "versions": versions, "rounds": arguments.rounds, "summary": summary, "contestants": table})


def second_process(one: Service, other: Service) -> dict[str, int]:
    """MB before any request, after a rest, with all children: of the first alone, what both add up to, what the second shares."""
    try:
        one.start()
        time.sleep(REST_S)
        alone = memory(one.process.pid)
        other.start()
        time.sleep(REST_S)
        both = memory(one.process.pid)["pss"] + memory(other.process.pid)["pss"]
        second = memory(other.process.pid)
    finally:
        one.end()
        other.end()
    return {"first_pss_mb": round(alone["pss"]), "first_rss_mb": round(alone["rss"]), "second_adds_pss_mb": round(both - alone["pss"]),
            "second_shared_mb": round(second["shared_clean"] + second["shared_dirty"]),
            "second_private_mb": round(second["private_clean"] + second["private_dirty"])}


if __name__ == "__main__":
    main()
