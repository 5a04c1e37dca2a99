"""The two clients: one that blocks, one to await."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, TypeVar

import httpx

from . import course
from .api_of_the_service import AuthenticatedClient, Client
from .api_of_the_service.models import StoredAnswer
from .course import Ask, Course, OnProgress, Progress

T = TypeVar("T")
# An upload may stand still while the service is busy.
TIMEOUT = httpx.Timeout(60.0, connect=10.0)


def raw_client(base_url: str, api_key: str | None) -> Client | AuthenticatedClient:
    if api_key is None:
        return Client(base_url=base_url, timeout=TIMEOUT)
    return AuthenticatedClient(base_url=base_url, token=api_key, timeout=TIMEOUT)


def pass_over(_: Progress) -> None:
    pass


class Framewitness:
    """A service at `base_url`. Use it in a `with`, or call `close`."""

    def __init__(self, base_url: str, api_key: str | None = None):
        self.raw = raw_client(base_url, api_key)

    def analyse(
        self,
        path: str | os.PathLike[str],
        *,
        on_progress: OnProgress = pass_over,
        stability: bool = False,
        stream: int | None = None,
        timeout_s: float | None = None,
    ) -> StoredAnswer:
        """Sends a video or picture and waits for what Framewitness thinks of it.

        `stability` also looks whether small changes of the file change the verdict; `stream` chooses among several moving
        pictures in one file. Raises `Refused`, `AnalysisFailed` or `Timeout`, all of them `FramewitnessError`.
        """
        return self._follow(course.analyse(Path(path), on_progress, stability, stream, timeout_s))

    def report(self, analysis_id: str, kind: str = "pdf") -> bytes:
        """The `pdf`, `html`, `csv`, annotated `film` or signed `statement` of an analysis."""
        return self._follow(course.report(analysis_id, kind))

    def close(self) -> None:
        self.raw.get_httpx_client().close()

    def __enter__(self) -> Framewitness:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, steps: Course[T]) -> T:
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Ask):
                    answer = step.route.sync_detailed(client=self.raw, **step.arguments)
                else:
                    time.sleep(step.seconds)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()


class AsyncFramewitness:
    """The same to await. Use it in an `async with`, or call `close`."""

    def __init__(self, base_url: str, api_key: str | None = None):
        self.raw = raw_client(base_url, api_key)

    async def analyse(
        self,
        path: str | os.PathLike[str],
        *,
        on_progress: OnProgress = pass_over,
        stability: bool = False,
        stream: int | None = None,
        timeout_s: float | None = None,
    ) -> StoredAnswer:
        """As `Framewitness.analyse`; several may be awaited at once."""
        return await self._follow(course.analyse(Path(path), on_progress, stability, stream, timeout_s))

    async def report(self, analysis_id: str, kind: str = "pdf") -> bytes:
        """As `Framewitness.report`."""
        return await self._follow(course.report(analysis_id, kind))

    async def close(self) -> None:
        await self.raw.get_async_httpx_client().aclose()

    async def __aenter__(self) -> AsyncFramewitness:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _follow(self, steps: Course[T]) -> T:
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                if isinstance(step, Ask):
                    answer = await step.route.asyncio_detailed(client=self.raw, **step.arguments)
                else:
                    await asyncio.sleep(step.seconds)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()
