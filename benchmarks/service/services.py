"""Two services to compare, ours and the peer: started, asked over HTTP, watched and ended alike.

Every service has a port and a folder of its own; a request has a connection of its own and a body made beforehand.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from contest import ROOT, served_precision

BOUNDARY = "framewitness-benchmark"
CORES = os.cpu_count()
READY_WITHIN_S = 180
PACKAGES = ("fastapi", "uvicorn", "torch", "torchvision", "onnxruntime", "opencv-python-headless", "numpy")


@dataclass
class Service:
    """One contestant. `run` answers a task as `contest.take_turns` asks."""

    name: str
    command: list[str]  # `{port}` stands for the port
    environment: dict[str, str]
    port: int = 0
    process: subprocess.Popen | None = None
    folder: tempfile.TemporaryDirectory | None = None

    def start(self) -> float:
        """Starts it and gives the seconds until it says that it is ready."""
        self.port = free_port()
        self.folder = self.folder or tempfile.TemporaryDirectory(prefix="benchmark-")
        settings = {"FRAMEWITNESS_DATA_DIR": f"{self.folder.name}/data", "TMPDIR": self.folder.name}
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [word.format(port=self.port) for word in self.command], env=os.environ | settings | self.environment, cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        while not self.is_ready():
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended with status {self.process.returncode}: {' '.join(self.command)}")
            if time.perf_counter() - started > READY_WITHIN_S:
                raise SystemExit(f"{self.name} is not ready after {READY_WITHIN_S} s")
            time.sleep(0.005)
        return time.perf_counter() - started

    def is_ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def predict(self, body: bytes) -> dict:
        """The answer with `seconds`, `status`, and `timing`, the service's own milliseconds where it states them."""
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("POST", "/predict", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            return {"seconds": time.perf_counter() - started, "status": 0, "error": f"{type(error).__name__}: {error}"}
        finally:
            connection.close()
        answer = {"seconds": time.perf_counter() - started, "status": response.status, "timing": timing(response.headers)}
        if response.status != 200:
            return answer | {"error": f"status {response.status}: {text[:200].decode(errors='replace')}"}
        said = json.loads(text)
        return answer | {"probability": said["probability_fake"], "verdict": said["verdict"]}

    def run(self, task: dict) -> dict:
        return self.predict(task["body"])

    def end(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                for process in family(self.process.pid):
                    os.kill(process, 9)
                self.process.wait()
            self.process = None


def ours(program: Path, name: str = "framewitness", **settings: str) -> Service:
    """As it is served, but every file analysed anew and no limit of requests."""
    chosen = {"RESULT_CACHE_ENTRIES": "0", "ADDRESS_REQUESTS_PER_MINUTE": "0", "LOG_FILTER": "error"} | settings
    return Service(name, [str(program), "serve", "--bind", "127.0.0.1:{port}"], {f"FRAMEWITNESS_{key}": value for key, value in chosen.items()})


def peer(name: str, workers: int = 1, precision: str = served_precision(), jobs: int = 1, **environment: str) -> Service:
    """FastAPI behind uvicorn. The libraries' threads and the workers share the cores."""
    command = [sys.executable, "-m", "uvicorn", "peer:app", "--app-dir", "benchmarks/service", "--port", "{port}", "--workers", str(workers)]
    threads = max(1, CORES // workers)
    chosen = {"PEER_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "PEER_JOBS": str(jobs), "PEER_PRECISION": precision}
    return Service(name, [*command, "--log-level", "error"], chosen | environment)


def upload(path: Path) -> bytes:
    """The body of a request with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def timing(headers: http.client.HTTPMessage) -> dict[str, float]:
    """`Server-Timing` in milliseconds."""
    entries = [entry.strip().split(";dur=") for entry in headers.get("Server-Timing", "").split(",") if ";dur=" in entry]
    return {name: float(value) for name, value in entries}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def family(root: int) -> list[int]:
    """A process and all that it started."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended meanwhile
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def memory(root: int) -> dict[str, float]:
    """MB of a process and all that it started: `pss` counts a page that several share once, `rss` once for each."""
    totals = {"Pss": 0, "Rss": 0, "Shared_Clean": 0, "Shared_Dirty": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for process in family(root):
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                key = line.split(":")[0]
                if key in totals:
                    totals[key] += int(line.split()[1])
        except OSError:
            continue
    return {key.lower(): kilobytes / 1024 for key, kilobytes in totals.items()}


class MemoryWatch:
    """The peak of `memory` while it is open, looked at every `interval_s`."""

    def __init__(self, root: int, interval_s: float = 0.05):
        self.root, self.interval_s, self.over = root, interval_s, threading.Event()
        self.peak = {"pss": 0.0, "rss": 0.0}
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.over.wait(self.interval_s):
            now = memory(self.root)
            self.peak = {key: max(value, now[key]) for key, value in self.peak.items()}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
