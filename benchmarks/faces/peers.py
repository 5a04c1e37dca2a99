"""The same network on every whole frame, as a Python user runs it: `peers.py opencv` or `peers.py onnxruntime`.

Reads the path of a film a line and answers `{"seconds": …}` for its thirty even frames, on one thread. Timed is shrinking, padding and the
network; the maps are not even read.
"""

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

FRAMES, INPUT_PX = 30, 640
MODEL = Path(__file__).resolve().parents[2] / "models/face-detector-s/detector.onnx"


def blob_of(frame: np.ndarray) -> np.ndarray:
    scale = min(1.0, INPUT_PX / max(frame.shape[:2]))
    if scale < 1:
        size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    frame = cv2.copyMakeBorder(frame, 0, -frame.shape[0] % 32, 0, -frame.shape[1] % 32, cv2.BORDER_CONSTANT)
    return cv2.dnn.blobFromImage(frame)


def opencv():
    network = cv2.dnn.readNetFromONNX(str(MODEL))
    names = network.getUnconnectedOutLayersNames()

    def look(frame: np.ndarray):
        network.setInput(blob_of(frame))
        network.forward(names)

    return look


def onnx_runtime():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL), options)
    name = session.get_inputs()[0].name
    return lambda frame: session.run(None, {name: blob_of(frame)})


def even_frames(path: str) -> list[np.ndarray]:
    film = cv2.VideoCapture(path)
    count = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = {round(index * (count - 1) / max(1, FRAMES - 1)) for index in range(FRAMES)}
    frames = []
    for index in range(count):
        if not film.grab():
            break
        if index in wanted:
            frames.append(film.retrieve()[1])
    return frames


def main():
    cv2.setNumThreads(1)
    look = {"opencv": opencv, "onnxruntime": onnx_runtime}[sys.argv[1]]()
    for line in sys.stdin:
        frames = even_frames(line.strip())
        if not frames:
            print(json.dumps({"error": "no frame was decoded"}), flush=True)
            continue
        started = time.perf_counter()
        for frame in frames:
            look(frame)
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
