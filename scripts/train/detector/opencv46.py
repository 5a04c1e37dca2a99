"""Runs the exported file through whatever OpenCV the calling Python has (made for Debian 12's 4.6).

    /usr/bin/python3 opencv46.py detector.onnx out.npz

Feeds reproducible frames of several sizes to one network object, changing the size between calls, writes the
maps and the median milliseconds of a 640x384 frame (a 640x360 one after padding) on one thread.
"""

import sys
import time

import cv2
import numpy as np

from layout import OUTPUT_NAMES

SIZES = [(320, 320), (384, 640), (640, 640), (32, 32), (640, 384), (320, 320)]  # height, width


def frames() -> list:
    """Smooth random pictures as [1,3,H,W] blobs."""
    rng = np.random.default_rng(46)
    drawn = []
    for height, width in SIZES:
        coarse = rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
        drawn.append(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST))
    return [image.transpose(2, 0, 1)[None].astype(np.float32) for image in drawn]


def main() -> None:
    cv2.setNumThreads(1)
    network, maps = cv2.dnn.readNetFromONNX(sys.argv[1]), {}
    for index, blob in enumerate(frames()):
        network.setInput(blob)
        for name, output in zip(OUTPUT_NAMES, network.forward(OUTPUT_NAMES)):
            maps[f"{index}_{name}"] = output.copy()
    wide, times = frames()[1], []
    for _ in range(40):
        network.setInput(wide)
        start = time.perf_counter()
        network.forward(OUTPUT_NAMES)
        times.append(time.perf_counter() - start)
    np.savez(sys.argv[2], version=cv2.__version__, milliseconds=1000 * np.median(times[5:]), **maps)


if __name__ == "__main__":
    main()
