"""The peer: the service that a Python user would write. FastAPI, OpenCV, ONNX Runtime and PyTorch (`pipeline.py`).

    uvicorn peer:app --app-dir benchmarks/service --workers 1

`PEER_THREADS`: threads of the libraries in each worker. `PEER_JOBS`: analyses at a time in each worker. `PEER_PRECISION`: `fp32`, or
`bf16` or `int8` for the networks as the service computes them. The upload goes to a temporary file, as FastAPI's documentation has it, and
the analysis to a small pool of threads, so that the event loop stays free.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, UploadFile

from pipeline import Pipeline


@asynccontextmanager
async def loaded(app: FastAPI):
    threads = int(os.environ.get("PEER_THREADS", os.cpu_count()))
    app.state.pipeline = Pipeline(threads=threads, precision=os.environ.get("PEER_PRECISION", "fp32"))
    app.state.pool = ThreadPoolExecutor(int(os.environ.get("PEER_JOBS", "1")))
    yield
    app.state.pool.shutdown()


app = FastAPI(lifespan=loaded)


@app.get("/readyz")
def readyz() -> dict:
    return {"status": "ready"}


@app.post("/predict")
async def predict(file: UploadFile) -> dict:
    return await asyncio.get_running_loop().run_in_executor(app.state.pool, analyse, file)


def analyse(file: UploadFile) -> dict:
    with tempfile.NamedTemporaryFile(suffix=os.path.splitext(file.filename or "")[1]) as stored:
        shutil.copyfileobj(file.file, stored)
        stored.flush()
        probability, faces = app.state.pipeline.probability(stored.name)
    if probability is None:
        raise HTTPException(422, "no face found")
    return {"probability_fake": probability, "verdict": verdict(probability), "faces": faces}


def verdict(probability: float) -> str:
    limits = app.state.pipeline.bundle["thresholds"]
    if probability >= limits["fake_at_or_above"]:
        return "FAKE"
    return "REAL" if probability <= limits["real_at_or_below"] else "INCONCLUSIVE"
