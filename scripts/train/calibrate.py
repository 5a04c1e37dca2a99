"""Fit calibration, fusion and thresholds on the validation videos, and write them into the bundle.

    python scripts/train/evaluate.py --models models --videos validation
    python scripts/train/calibrate.py --models models

Each model's logit gets a scale and a bias by logistic regression (Platt), the two calibrated logits are fused by a second
one. Classes weigh the same, so 0.5 means "as likely as not" where genuine and forged are equally common.
Thresholds: at most 5 % of genuine validation videos may be called FAKE, at most 5 % of forged ones REAL.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from evaluate import Bundle, read_scores, report_videos
from export import bundle as write_bundle
from export import manifest
from settings import CACHE_DIR, HERE, MODELS_DIR, read_config

ALLOWED_ERROR = 0.05
CONFIGS = {"sequence": HERE / "configs/sequence-s.toml", "frame": HERE / "configs/frame-s.toml"}


def calibrate(models_dir: Path, cache_dir: Path) -> None:
    scores = read_scores("validation", cache_dir)
    forged = scores["family"] != "genuine"
    for kind, path in CONFIGS.items():
        config = read_config(path)
        folder = models_dir / config["name"]
        fitted = regression(scores[kind][:, None], forged)
        calibration = (float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
        (folder / "manifest.toml").write_text(manifest(config, folder / "weights.safetensors", calibration))
        scores[f"calibrated_{kind}"] = calibration[0] * scores[kind] + calibration[1]
        version = config["version"]
    fusion, probability = fuse(scores, forged)
    write_bundle(models_dir, version, fusion, thresholds(probability, forged))
    print(report_videos(Bundle(models_dir), scores))


def regression(inputs: np.ndarray, forged: np.ndarray) -> LogisticRegression:
    return LogisticRegression(class_weight="balanced", C=10.0).fit(inputs, forged)


def fuse(scores: dict[str, np.ndarray], forged: np.ndarray) -> tuple[dict, np.ndarray]:
    """Fusion weights, never negative: a model that does not help is left out."""
    inputs = np.stack([scores["calibrated_sequence"], scores["calibrated_frame"]], 1)
    fitted = regression(inputs, forged)
    weights, bias = fitted.coef_[0].copy(), float(fitted.intercept_[0])
    if (weights < 0).any():
        keep = int(weights.argmax())
        fitted = regression(inputs[:, [keep]], forged)
        weights, bias = np.zeros(2), float(fitted.intercept_[0])
        weights[keep] = fitted.coef_[0, 0]
    fusion = {"bias": round(bias, 6), "sequence_weight": round(float(weights[0]), 6), "frame_weight": round(float(weights[1]), 6)}
    return fusion, 1 / (1 + np.exp(-(inputs @ weights + bias)))


def thresholds(probability: np.ndarray, forged: np.ndarray) -> dict:
    """FAKE from the 95th percentile of genuine videos on, REAL up to the 5th of forged ones; never on the wrong side of 1/2."""
    fake = max(0.5, float(np.quantile(probability[~forged], 1 - ALLOWED_ERROR, method="higher")) + 1e-3)
    real = min(0.5 - 1e-3, float(np.quantile(probability[forged], ALLOWED_ERROR, method="lower")) - 1e-3)
    return {"fake_at_or_above": round(fake, 3), "real_at_or_below": round(max(real, 0.0), 3)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    calibrate(arguments.models, arguments.cache)
