"""Asks Framewitness about videos of faces.

>>> from framewitness import Framewitness
>>> with Framewitness("http://127.0.0.1:8080") as service:
...     analysis = service.analyse("clip.mp4", on_progress=print)
...     print(analysis.verdict, analysis.probability_fake)

`AsyncFramewitness` does the same with `await`. Every route of the service, typed, lies in
`framewitness.api_of_the_service`, which is generated from its OpenAPI document; `Framewitness.raw` is its client.
"""

from .client import AsyncFramewitness, Framewitness
from .course import AnalysisFailed, FramewitnessError, Progress, Refused, Timeout

__all__ = ["AnalysisFailed", "AsyncFramewitness", "Framewitness", "FramewitnessError", "Progress", "Refused", "Timeout"]
