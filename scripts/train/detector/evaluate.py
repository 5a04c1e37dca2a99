"""Measures an exported detector against the teacher and prints the model card's tables (Markdown).

    python scripts/train/detector/evaluate.py --config scripts/train/detector/config.toml models/face-detector-s

The test part is people that neither training nor the choice of anything has seen; use `--part validation` while
choosing. With `--system-python` (default /usr/bin/python3, Debian's OpenCV 4.6) the file is also run there, and its maps
and its time are compared with ONNX Runtime's, which serves.
"""

import argparse
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

import test_sets
from configuration import Settings, load_settings
from decode import OnnxDetector, WindowDetector
from intervals import bootstrap_mean, wilson
from label import label_all
from layout import OUTPUT_NAMES
from opencv46 import frames
from teacher import RememberingTeacher, Teacher
from validate import Agreement

HEADER = """| group | images | faces | recall | precision | landmark error / eye distance | box IoU |
|---|---|---|---|---|---|---|"""


def main() -> None:
    arguments = parse_arguments()
    settings = load_settings(arguments.config)
    cv2.setNumThreads(1)
    model = arguments.model / "detector.onnx"
    deploy = tomllib.loads((arguments.model / "manifest.toml").read_text())["architecture"]
    memory = settings.cache / "evaluation_labels.npz"
    detector = (WindowDetector if arguments.windows else OnnxDetector)(str(model), deploy)
    teacher = RememberingTeacher(settings.teacher, settings.data["ignore_score"], memory)
    compare_with_opencv(model, deploy, arguments.system_python)
    print(f"\nFaces of 40 px and more, {arguments.part} part\n\n{HEADER}")
    report_people(settings, arguments.part, detector, teacher)
    if arguments.part == "test":
        report_glasses(settings, detector, teacher)
        report_evaluation_only(settings, detector, teacher)
        for folder in arguments.clips:
            print_row(folder.name, test_sets.recorded(folder, teacher), detector, settings.data["keep_score"])
    teacher.save()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--windows", action="store_true", help="read the places of sure faces through windows, as in films")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="folders of clips to report, one row each")
    parser.add_argument("--system-python", type=Path, default=Path("/usr/bin/python3"))
    parser.add_argument("model", type=Path, help="folder with detector.onnx and manifest.toml")
    return parser.parse_args()


class Remembering:
    """A detector that looks at each picture once: many are in several groups. Holds on to the pictures."""

    def __init__(self, detector: OnnxDetector):
        self.detector, self.known = detector, {}

    def detect(self, image: np.ndarray) -> np.ndarray:
        if id(image) not in self.known:
            self.known[id(image)] = (image, self.detector.detect(image))
        return self.known[id(image)][1]


def report_people(settings: Settings, part: str, detector: OnnxDetector, teacher: Teacher) -> None:
    """Held-out people by source, and the hard parts of them."""
    pictures, faces = label_all(settings)
    sure = settings.data["keep_score"]
    groups = test_sets.held_out(pictures, faces, part)
    everything = [sample for samples in groups.values() for sample in samples]
    mains = test_sets.main_faces(everything, sure)
    once = Remembering(detector)
    for name, samples in {
        **groups,
        "all of these": everything,
        "largest face of each picture": mains,
        "turned heads (nose > 0.3 eye distances off), largest face": test_sets.turned(mains, sure),
    }.items():
        print_row(name, samples, once, sure)
    for name, samples in {
        "every other rotated by 25 degrees, largest face": test_sets.tilted(mains[::2], 25.0),
        "phone-like clips": test_sets.phone_like_clips(pictures, part, teacher),
        "phone-like portraits, every fourth": test_sets.phone_like(mains[::4]),
    }.items():
        print_row(name, samples, detector, sure)
    for side in (400, 40, 28, 20, 14):
        samples = test_sets.shrunk(mains[::2], sure, side)
        print_row(f"every other, largest face scaled to {side} px", samples, detector, sure, 0.8 * side)


def report_glasses(settings: Settings, detector: OnnxDetector, teacher: Teacher) -> None:
    sure = settings.data["keep_score"]
    for name, samples in test_sets.glasses(settings.data_root, teacher).items():
        print_row(f"{name}, largest face", test_sets.main_faces(samples, sure), detector, sure)


def report_evaluation_only(settings: Settings, detector: OnnxDetector, teacher: Teacher) -> None:
    sure = settings.data["keep_score"]
    groups = test_sets.utkface(settings.data_root, teacher) | test_sets.crowds(settings.data_root, teacher)
    once = Remembering(detector)
    for name, samples in groups.items():
        print_row(name, samples, once, sure)
    boxes = test_sets.human_boxes(settings.data_root)
    finders = {"this detector": detector.detect, "the teacher": lambda image: confident(teacher.label(image), sure)}
    for who, detect in finders.items():
        result = measure(boxes, detect, sure, 40.0)
        found, right = f"{result.recalled} of {result.wanted} found", f"{result.precise} of {result.found} right"
        print(f"\nWIDER FACE's own boxes of 40 px and more, {who}: {found}, {right}")
    images = test_sets.faceless(settings.data_root, teacher)
    hits = sum(len(detector.detect(image)) > 0 for image in images)
    low, high = wilson(hits, len(images))
    print(f"\nPictures without faces: {hits} of {len(images)} with a detection ({low:.3f} to {high:.3f})")


def confident(faces: np.ndarray, sure: float) -> np.ndarray:
    return faces[faces[:, 14] >= sure]


def measure(samples: list, detect, sure: float, minimum_px: float) -> Agreement:
    agreement = Agreement()
    for image, faces in samples:
        agreement.add(detect(image), faces, sure, minimum_px)
    return agreement


def print_row(
    name: str, samples: list, detector: OnnxDetector | Remembering, sure: float, minimum_px: float = 40.0
) -> None:
    result = measure(samples, detector.detect, sure, minimum_px)
    cells = [name, str(len(samples)), str(result.wanted)]
    for hits, total in ((result.recalled, result.wanted), (result.precise, result.found)):
        low, high = wilson(hits, total)
        cells.append(f"{hits / max(total, 1):.3f} ({low:.3f} to {high:.3f})")
    low, high = bootstrap_mean(result.errors)
    cells.append(f"{np.mean(result.errors):.3f} ({low:.3f} to {high:.3f})" if result.errors else "")
    cells.append(f"{np.mean(result.overlaps):.3f}" if result.overlaps else "")
    print(f"| {' | '.join(cells)} |", flush=True)


def compare_with_opencv(model: Path, deploy: dict, python: Path) -> None:
    """The file through the OpenCV of another Python: both programs' milliseconds and the largest difference of their maps."""
    script = Path(__file__).with_name("opencv46.py")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "maps.npz"
        command = [str(python), str(script), str(model.resolve()), str(output)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed (apt-get install python3-opencv?):\n{done.stderr}")
        stored = np.load(output)
    detector, worst = OnnxDetector(str(model), deploy), 0.0
    for index, blob in enumerate(frames()):
        for name, map_ in zip(OUTPUT_NAMES, detector.maps(blob)):
            worst = max(worst, float(np.abs(stored[f"{index}_{name}"] - map_).max()))
    wide, times = frames()[1], []
    for _ in range(40):
        start = time.perf_counter()
        detector.maps(wide)
        times.append(time.perf_counter() - start)
    print(
        f"ONNX Runtime {onnxruntime.__version__}: {1000 * np.median(times[5:]):.1f} ms per 640x360 frame on one thread; OpenCV "
        f"{stored['version']}: {stored['milliseconds']:.1f} ms; largest difference {worst:.2e}; {model.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
