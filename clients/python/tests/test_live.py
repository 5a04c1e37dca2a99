"""The client against a running service: FRAMEWITNESS_URL says where, FRAMEWITNESS_KEY with which key, FRAMEWITNESS_VIDEO and
FRAMEWITNESS_BROKEN which files. `tests/service/python_client.rs` in the repository starts one and runs this.
"""

import asyncio
import os
from pathlib import Path

import pytest

from framewitness import AnalysisFailed, AsyncFramewitness, Framewitness, Progress, Refused, Timeout
from framewitness.api_of_the_service.api.service import get_limits

URL, KEY = os.environ["FRAMEWITNESS_URL"], os.environ["FRAMEWITNESS_KEY"]
VIDEO, BROKEN = Path(os.environ["FRAMEWITNESS_VIDEO"]), Path(os.environ["FRAMEWITNESS_BROKEN"])


def test_a_video_is_sent_followed_and_answered() -> None:
    course: list[Progress] = []
    with Framewitness(URL, KEY) as service:
        analysis = service.analyse(VIDEO, on_progress=course.append)
        pdf, statement, film = (service.report(analysis.id, form) for form in ("pdf", "statement", "film"))
    assert analysis.verdict.value in {"REAL", "FAKE", "INCONCLUSIVE"}
    assert analysis.filename == VIDEO.name
    assert len(analysis.frames) > 1 and analysis.tracks[0].probability_fake is not None
    assert pdf.startswith(b"%PDF-") and statement.count(b".") == 2 and film[4:8] == b"ftyp"
    sending = [step.part for step in course if step.state == "uploading"]
    assert sending == sorted(sending) and sending[-1] == 1.0
    assert course[-1] == Progress("done", course[-1].stage, 1.0)


def test_several_are_awaited_at_once_and_the_same_file_gives_the_same_score() -> None:
    async def both() -> list[float]:
        async with AsyncFramewitness(URL, KEY) as service:
            analyses = await asyncio.gather(service.analyse(VIDEO), service.analyse(VIDEO))
            assert (await service.report(analyses[0].id, "html")).startswith(b"<!DOCTYPE html>")
            return [analysis.probability_fake for analysis in analyses]

    one, other = asyncio.run(both())
    assert one == other


def test_a_file_that_cannot_be_analysed_is_an_error_with_a_code() -> None:
    with Framewitness(URL, KEY) as service, pytest.raises((AnalysisFailed, Refused)) as failure:
        service.analyse(BROKEN)
    assert failure.value.code == "unsupported-media"


def test_a_wrong_key_is_refused_and_said_so() -> None:
    with Framewitness(URL, "fw_wrong") as service, pytest.raises(Refused) as failure:
        service.analyse(VIDEO)
    assert failure.value.status == 401


def test_no_time_is_a_timeout_and_the_job_is_cancelled() -> None:
    with Framewitness(URL, KEY) as service, pytest.raises(Timeout):
        service.analyse(VIDEO, timeout_s=0.0)


def test_every_route_is_there_typed() -> None:
    with Framewitness(URL, KEY) as service:
        limits = get_limits.sync(client=service.raw)
    assert limits is not None and limits.max_body_bytes > 0


def test_an_unknown_report_is_named() -> None:
    with Framewitness(URL, KEY) as service, pytest.raises(ValueError, match="'docx'"):
        service.report("0197a1b2-5b4e-7c3a-9f00-1d2e3f405162", "docx")
