"""What has to be asked in which order, without asking: the clients beside this file do that, each in its own way.

A course is a generator. It yields an `Ask` (a route and what to ask of it; it is sent the answer) or a `Wait`, and returns
the result.
"""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from .api_of_the_service.api.analysis import cancel_analysis, create_analysis, get_analysis
from .api_of_the_service.api.history import get_annotated_film, get_prediction, get_report_csv, get_report_html, get_report_pdf, get_statement
from .api_of_the_service.models import StoredAnswer, JobAnswer, Problem, VideoForm
from .api_of_the_service.types import UNSET, File, Response

SHORTEST_WAIT_S = 0.2
LONGEST_WAIT_S = 2.0
REPORTS = {"html": get_report_html, "pdf": get_report_pdf, "csv": get_report_csv, "statement": get_statement, "film": get_annotated_film}
ENDED = {"done", "failed", "cancelled", "set-aside"}
# The service is loaded, starting or away for a moment.
MAY_PASS = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
MOST_TRIES = 5


class FramewitnessError(Exception):
    """Whatever went wrong; `code` is stable and made to branch on."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{message} ({code})")
        self.code = code


class Refused(FramewitnessError):
    """The service refused a request; `problem` says why, `status` is the HTTP status."""

    def __init__(self, status: int, problem: Problem | None):
        self.status, self.problem = status, problem
        super().__init__(problem.code if problem else f"http-{status}", problem.detail if problem else f"the service answered {status}")


class AnalysisFailed(FramewitnessError):
    """The analysis ended without a result; `job` is how it stands."""

    def __init__(self, job: JobAnswer):
        self.job = job
        reason = job.reason or None
        super().__init__(reason.code if reason else job.state, reason.message if reason else f"the analysis is {job.state}")


class Timeout(FramewitnessError):
    """It took longer than allowed; the analysis was cancelled."""

    def __init__(self, timeout_s: float):
        super().__init__("timeout", f"no result within {timeout_s:g} s")


@dataclass(frozen=True)
class Progress:
    """How far an analysis is. While the file is sent, `state` is `uploading`; later it is the job's."""

    state: str
    stage: str
    """`sending`, `waiting`, `decoding`, `faces`, `scoring`, `storing` …"""
    part: float
    """How much of the state is done, 0 to 1."""
    position: int | None = None
    """Place in the queue, 1 is next."""


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Ask:
    route: ModuleType
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Wait:
    seconds: float


T = TypeVar("T")
Course = Generator[Ask | Wait, Any, T]


def analyse(path: Path, on_progress: OnProgress, stability: bool, stream: int | None, timeout_s: float | None) -> Course[StoredAnswer]:
    """Sends a file and waits for its analysis: an `StoredAnswer`."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    job = yield from submit(path, on_progress, stability, stream)
    wait_s = SHORTEST_WAIT_S
    while True:
        on_progress(Progress(job.state, job.stage, job.progress, job.position or None))
        if job.state in ENDED:
            break
        if deadline is not None and time.monotonic() >= deadline:
            yield Ask(cancel_analysis, {"id": job.id})
            raise Timeout(timeout_s or 0.0)
        yield Wait(wait_s)
        wait_s = min(wait_s * 1.3, LONGEST_WAIT_S)
        job = yield from wanted(get_analysis, {"id": job.id}, JobAnswer)
    if job.state != "done":
        raise AnalysisFailed(job)
    return (yield from wanted(get_prediction, {"id": job.analysis_id}, StoredAnswer))


def submit(path: Path, on_progress: OnProgress, stability: bool, stream: int | None) -> Course[JobAnswer]:
    """Sends a file: a `JobAnswer`. A file that has to be sent again is no second analysis."""
    key = str(uuid.uuid4())
    wishes = {"stability": stability or UNSET, "stream": UNSET if stream is None else stream, "idempotency_key": key}
    attempt = 0
    while True:
        with Sent(path, on_progress) as file:
            form = VideoForm(file=File(payload=file, file_name=path.name, mime_type="application/octet-stream"))
            response: Response[Any] = yield Ask(create_analysis, {"body": form, **wishes})
        attempt += 1
        if response.status_code not in MAY_PASS or attempt == MOST_TRIES:
            return expected(response, JobAnswer)
        yield Wait(pause_s(response, attempt))


def wanted(route: ModuleType, arguments: dict[str, Any], kind: type[T]) -> Course[T]:
    """The answer of a route that only reads; asked again where that may help."""
    attempt = 0
    while True:
        response: Response[Any] = yield Ask(route, arguments)
        attempt += 1
        if response.status_code not in MAY_PASS or attempt == MOST_TRIES:
            return expected(response, kind)
        yield Wait(pause_s(response, attempt))


def report(analysis_id: str, kind: str) -> Course[bytes]:
    """A report as bytes."""
    if kind not in REPORTS:
        raise ValueError(f"no report is called {kind!r}; there are {', '.join(REPORTS)}")
    response: Response[Any] = yield Ask(REPORTS[kind], {"id": analysis_id})
    if response.status_code != HTTPStatus.OK:
        expected(response, bytes)
    return response.content


def expected(response: Response[Any], kind: type[T]) -> T:
    if isinstance(response.parsed, kind):
        return response.parsed
    raise Refused(int(response.status_code), response.parsed if isinstance(response.parsed, Problem) else None)


def pause_s(response: Response[Any], attempt: int) -> float:
    """As long as the service asks for, else longer every time."""
    asked = str(response.headers.get("retry-after", ""))
    return min(float(asked), 60.0) if asked.isdigit() else 0.25 * 2**attempt


class Sent(io.BufferedReader):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, on_progress: OnProgress):
        super().__init__(io.FileIO(path))
        self.size, self.on_progress = path.stat().st_size, on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self.on_progress(Progress("uploading", "sending", self.tell() / self.size if self.size else 1.0))
        return block
