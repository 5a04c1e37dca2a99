"""What the page costs before media: first contentful paint, DOM interactive, bytes and requests of cold loads. One table.

    scripts/bench.sh page [--rounds 9] [--program target/release/framewitness]

A server of its own, and for every load a browser with an empty profile. Screens and distances take turns round by round; the
first round only warms up; medians are printed and stored.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from contest import ROOT, machine, middle_half, store

from browser import DESKTOP, PHONE, Browser

AWAY = {"offline": False, "latency": 40, "download_throughput": 1_250_000, "upload_throughput": 1_250_000}
CASES = [
    ("desktop, same machine", DESKTOP, None),
    ("phone, same machine", PHONE, None),
    ("desktop, 40 ms and 10 Mbit/s away", DESKTOP, AWAY),
    ("phone, 40 ms and 10 Mbit/s away", PHONE, AWAY),
]
TIMES = ("first_contentful_paint_ms", "dom_interactive_ms", "load_ms")


@contextmanager
def service(program: Path):
    """The address of a server with folders of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [str(program), "--data-dir", folder, "serve", "--bind", address]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"http://{address}/readyz", server)
            yield f"http://{address}/"
        finally:
            server.terminate()
            server.wait()


def wait_for(url: str, server: subprocess.Popen):
    while server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the server ended with status {server.returncode}")


def median_of(loads: list[dict]) -> dict:
    row = {key: statistics.median(load[key] for load in loads) for key in (*TIMES, "bytes", "requests")}
    spread = middle_half([load["first_contentful_paint_ms"] for load in loads])
    return {**{key: round(value) for key, value in row.items()}, "first_contentful_paint_spread_ms": [round(value) for value in spread],
            "elsewhere": max(load["elsewhere"] for load in loads)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/framewitness"
    parser.add_argument("--program", type=Path, default=built)
    arguments = parser.parse_args()
    facts, loads = machine(), {name: [] for name, _, _ in CASES}
    with service(arguments.program) as url, Browser() as browser:
        for _ in range(arguments.rounds + 1):
            for name, screen, distance in CASES:
                loads[name].append(browser.load(url, screen, distance))
    table = {name: median_of(given[1:]) for name, given in loads.items()}
    print(f"{'':36} {'first paint':>12} {'interactive':>12} {'loaded':>9} {'bytes':>9} {'requests':>9}")
    for name, row in table.items():
        times = [f"{row[key]} ms" for key in TIMES]
        print(f"{name:36} {times[0]:>12} {times[1]:>12} {times[2]:>9} {row['bytes']:>9} {row['requests']:>9}")
    store("page", {"machine": facts, "browser": browser_version(), "rounds": arguments.rounds, "loads": table})


def browser_version() -> str:
    return subprocess.run(["chromium", "--version"], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
