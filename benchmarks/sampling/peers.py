"""One peer of the sampling benchmark, by name: opens each file it is told of and takes frames as RGB arrays.

Protocol as of main.rs, with a line of JSON in: `{"path": …, "indices": […]}`. Every peer runs as its documentation advises
for this use, with as many threads as it likes.
"""

import json
import sys
import time

import numpy as np


def opencv_sequential(path, indices):
    import cv2

    wanted, frames = set(indices), []
    video = cv2.VideoCapture(path)
    for index in range(indices[-1] + 1):
        if not video.grab():
            break
        if index in wanted:
            frames.append(cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB))
    return frames


def opencv_seeking(path, indices):
    import cv2

    frames = []
    video = cv2.VideoCapture(path)
    for index in indices:
        video.set(cv2.CAP_PROP_POS_FRAMES, index)
        read, frame = video.read()
        if read:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return frames


def pyav(path, indices):
    import av

    wanted, frames = set(indices), []
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                frames.append(frame.to_ndarray(format="rgb24"))
            if index >= indices[-1]:
                break
    return frames


def decord(path, indices):
    import decord

    return list(decord.VideoReader(path).get_batch(indices).asnumpy())


def torchcodec(path, indices):
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=0)
    return list(decoder.get_frames_at(indices).data.numpy())


PEERS = {peer.__name__: peer for peer in (opencv_sequential, opencv_seeking, pyav, decord, torchcodec)}


def main():
    peer = PEERS[sys.argv[1]]
    for line in sys.stdin:
        task = json.loads(line)
        try:
            started = time.perf_counter()
            frames = peer(task["path"], task["indices"])
            seconds = time.perf_counter() - started
            answer = {"seconds": seconds, "frames": len(frames), "mean": float(np.mean([f.mean() for f in frames]))}
        except Exception as error:  # a peer that cannot read a file has no figure there
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
