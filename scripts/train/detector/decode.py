"""From the nine output maps to faces; the same rules as the service's Rust decoder."""

import cv2
import numpy as np
import onnxruntime

from geometry import box_iou
from layout import OUTPUT_NAMES, STRIDES

VOTE_IOU = 0.6  # overlap from which a candidate has a say in the box and landmarks of the strongest
MAX_CANDIDATES = 2000
# As src/faces/window.rs and search.rs: side of a window, room around a face in its longer sides, smallest face in a window,
# and the overlap that makes a closer look one at the same face.
WINDOW_PX, MARGIN_SIZES, SMALLEST_FACE_PX, SAME_IOU = 192, 0.5, 48, 0.5


def fit_frame(image: np.ndarray, input_px: int) -> tuple[np.ndarray, float]:
    """Shrinks (never grows) so that the longer side is at most input_px, pads right and bottom with zeros to
    multiples of 32; returns the scale too."""
    scale = min(1.0, input_px / max(image.shape[:2]))
    if scale < 1:
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bottom, right = -image.shape[0] % 32, -image.shape[1] % 32
    return cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0)), scale


def decode(outputs: list[np.ndarray], threshold: float, nms_iou: float) -> np.ndarray:
    """Maps in the order of OUTPUT_NAMES, each [1,C,H,W] -> faces [n,15], best first."""
    maps = dict(zip(OUTPUT_NAMES, outputs))
    found = []
    for stride in STRIDES:
        score = maps[f"cls_{stride}"][0, 0]
        row, column = np.nonzero(score >= threshold)
        box = maps[f"bbox_{stride}"][0][:, row, column]
        points = maps[f"kps_{stride}"][0][:, row, column].reshape(5, 2, -1)
        anchor = np.stack([column, row]).astype(np.float32)
        size = np.exp(np.minimum(box[2:], 8)) * stride
        corner = (box[:2] + anchor) * stride - size / 2
        points = (points + anchor[None]).reshape(10, -1) * stride
        found.append(np.concatenate([corner, size, points, score[row, column][None]]).T)
    return settle(np.concatenate(found).astype(np.float32), nms_iou)


def settle(faces: np.ndarray, nms_iou: float) -> np.ndarray:
    """One face per person: non-maximum suppression, then the mean of those that agree with the strongest, weighted by
    the square of their scores. The score stays the strongest one's."""
    ranked = faces[np.lexsort((*faces[:, 13::-1].T, -faces[:, 14]))][:MAX_CANDIDATES]
    return np.array([vote(face, ranked) for face in suppress(ranked, nms_iou)], np.float32).reshape(-1, 15)


def suppress(ranked: np.ndarray, nms_iou: float) -> list[np.ndarray]:
    kept = []
    while len(ranked):
        kept.append(ranked[0])
        ranked = ranked[1:][box_iou(ranked[:1, :4], ranked[1:, :4])[0] <= nms_iou]
    return kept


def vote(face: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    voters = ranked[box_iou(face[None, :4], ranked[:, :4])[0] > VOTE_IOU].astype(np.float64)
    weight = voters[:, 14:] ** 2
    settled = (voters * weight).sum(0) / weight.sum() if weight.sum() > 0 else face.copy()
    settled[14] = face[14]
    return settled


class OnnxDetector:
    """The exported file through ONNX Runtime on one thread, as the service runs it."""

    def __init__(self, path: str, deploy: dict):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.network, self.deploy = onnxruntime.InferenceSession(path, options), deploy

    def maps(self, blob: np.ndarray) -> list[np.ndarray]:
        """OUTPUT_NAMES of a [1,3,H,W] blob."""
        return self.network.run(OUTPUT_NAMES, {self.network.get_inputs()[0].name: blob})

    def detect(self, image: np.ndarray, threshold: float | None = None) -> np.ndarray:
        """Faces [n,15] of a BGR image, in its pixels; `threshold` overrides the manifest's."""
        padded, scale = fit_frame(image, self.deploy["input_px"])
        outputs = self.maps(padded.transpose(2, 0, 1)[None].astype(np.float32))
        threshold = self.deploy["score_threshold"] if threshold is None else threshold
        faces = decode(outputs, threshold, self.deploy["nms_iou"])
        faces[:, :14] /= scale
        return faces


class WindowDetector(OnnxDetector):
    """Looks at whole pictures, then at each sure face through a window, as the service does in films: the box and the landmarks
    are those of the closer look, the score is the whole look's."""

    def __init__(self, path: str, deploy: dict):
        super().__init__(path, deploy)
        self.closer = OnnxDetector(path, deploy)

    def detect(self, image: np.ndarray, threshold: float | None = None) -> np.ndarray:
        faces = super().detect(image, threshold)
        for face in faces[faces[:, 14] >= self.deploy["confirm_score"]] if len(faces) else []:
            window = window_around(image, face)
            if window is None:
                continue
            square, left, top, ratio = window
            seen = self.closer.detect(square)
            seen[:, :14] /= ratio
            seen[:, [0, *range(4, 14, 2)]] += left
            seen[:, [1, *range(5, 14, 2)]] += top
            shared = box_iou(face[None, :4], seen[:, :4])[0] if len(seen) else np.zeros(0)
            if len(shared) and shared.max() >= SAME_IOU:
                faces[np.all(faces == face, axis=1), :14] = seen[shared.argmax(), :14]
        return faces


def window_around(image: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, float, float, float] | None:
    """The square around a face at the detector's size, where it lies in the picture, and its scale."""
    longest = face[2:4].max()
    side = np.ceil(max(longest * (1 + 2 * MARGIN_SIZES), WINDOW_PX))
    ratio = WINDOW_PX / side
    if ratio < 1 and face[2:4].min() * ratio < SMALLEST_FACE_PX:
        return None
    left, top = (round(float(face[axis] + face[axis + 2] / 2 - side / 2)) for axis in (0, 1))
    canvas = np.zeros((int(side), int(side), 3), np.uint8)
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + int(side), width), min(top + int(side), height)
    if x1 <= x0 or y1 <= y0:
        return None
    canvas[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    square = cv2.resize(canvas, (WINDOW_PX, WINDOW_PX), interpolation=cv2.INTER_AREA) if ratio < 1 else canvas
    return square, left, top, ratio
