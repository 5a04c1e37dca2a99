"""Recall and precision over score thresholds on the validation part, to choose `deploy.score_threshold`.

    python scripts/train/detector/sweep.py --config scripts/train/detector/config.toml MODEL_FOLDER
"""

import argparse
import tomllib
from pathlib import Path

import cv2

import test_sets
from configuration import load_settings
from decode import OnnxDetector
from label import label_all
from validate import Agreement

THRESHOLDS = (0.3, 0.34, 0.36, 0.38, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.55, 0.6, 0.65, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("model", type=Path)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config)
    cv2.setNumThreads(1)
    deploy = tomllib.loads((arguments.model / "manifest.toml").read_text())["architecture"]
    detector, sure = OnnxDetector(str(arguments.model / "detector.onnx"), deploy), settings.data["keep_score"]
    groups = test_sets.held_out(*label_all(settings), "validation")
    everyone = [sample for samples in groups.values() for sample in samples]
    mains = test_sets.main_faces(everyone, sure)
    sets = {
        "all faces": everyone,
        "largest": mains,
        "largest at 40 px": test_sets.shrunk(mains, sure, 44),
        "largest at 300 px": test_sets.shrunk(mains[::4], sure, 300),
    }
    for name, samples in sets.items():
        found = [detector.detect(image, THRESHOLDS[0]) for image, _ in samples]
        for threshold in THRESHOLDS:
            agreement = Agreement()
            for faces, (_, teacher) in zip(found, samples):
                agreement.add(faces[faces[:, 14] >= threshold], teacher, sure)
            numbers = " ".join(f"{key} {value:.4g}" for key, value in agreement.summary().items())
            print(f"{name:>18} at {threshold:.2f}: {numbers}", flush=True)


if __name__ == "__main__":
    main()
