"""Fit calibration, fusion and thresholds on the validation videos, and write them into the bundle.

    python scripts/train/evaluate.py --models models --videos validation
    python scripts/train/evaluate.py --models models --groups ../shared/data/eval/utkface
    python scripts/train/calibrate.py --models models

Each model's logit gets a scale and a bias by logistic regression (Platt). The two calibrated logits are then mixed, the
frame model with the largest share that costs at most 0.002 of the mix's best AUC (two unlike networks are harder to fool than
one, but not at any price), and the mix is scaled by a second regression. Classes weigh the same, so 0.5 means "as likely as not" where genuine and forged are equally common.
Pictures, of which there is one frame, get a fusion of their own, fitted on single frames of the same videos.
Thresholds: at most 5 % of genuine validation videos, of their single frames and of strangers' pictures, which look unlike anything in
training, may be called FAKE. REAL reaches as far as it must
for at most 35 % of genuine and of forged videos to lie between, and at least as far as 5 % of the forged ones, but never over 1/2.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from evaluate import STRANGERS, Bundle, logistic, read_scores, report
from export import bundle as write_bundle
from export import manifest
from settings import CACHE_DIR, HERE, MODELS_DIR, read_config

ALLOWED_ERROR = 0.05
ALLOWED_DOUBT = 0.35
ALLOWED_AUC_COST = 0.002
FRAME_SHARES = np.arange(0, 11) / 10


def calibrate(models_dir: Path, cache_dir: Path) -> None:
    videos, stills = read_scores("validation", cache_dir), read_scores("validation-stills", cache_dir)
    strangers = read_scores(STRANGERS, cache_dir)
    version, named = "", tomllib.loads((models_dir / "bundle.toml").read_text())
    for kind in ("sequence", "frame"):
        config = read_config(HERE / f"configs/{named[kind]}.toml")
        folder = models_dir / config["name"]
        fitted = regression(videos[kind][:, None], videos["family"] != "genuine")
        calibration = (float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
        (folder / "manifest.toml").write_text(manifest(config, folder / "weights.safetensors", calibration))
        for scores in (videos, stills, strangers):
            scores[f"calibrated_{kind}"] = calibration[0] * scores[kind] + calibration[1]
        version = max(version, config["version"])
    fusion, probability = fuse(videos)
    fusion["stills"], probability_stills = fuse(stills)
    genuine_frames = probability_stills[stills["family"] == "genuine"]
    limits = thresholds((probability, videos), [genuine_frames, mixed(fusion["stills"], strangers)])
    write_bundle(models_dir, version, fusion, limits)
    print(report(Bundle(models_dir), videos), report(Bundle(models_dir), stills, stills=True), sep="\n")


def regression(inputs: np.ndarray, forged: np.ndarray) -> LogisticRegression:
    return LogisticRegression(class_weight="balanced", C=10.0).fit(inputs, forged)


def fuse(scores: dict[str, np.ndarray]) -> tuple[dict, np.ndarray]:
    """A fusion table of bundle.toml, and P(fake) of every video or still."""
    forged = scores["family"] != "genuine"
    mixes = {share: (1 - share) * scores["calibrated_sequence"] + share * scores["calibrated_frame"] for share in FRAME_SHARES}
    aucs = {share: roc_auc_score(forged, mix) for share, mix in mixes.items()}
    share = max(share for share, auc in aucs.items() if auc >= max(aucs.values()) - ALLOWED_AUC_COST)
    fitted = regression(mixes[share][:, None], forged)
    scale, bias = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    fusion = {"bias": round(bias, 6), "sequence_weight": round(float(scale * (1 - share)), 6), "frame_weight": round(float(scale * share), 6)}
    return fusion, logistic(scale * mixes[share] + bias)


def mixed(fusion: dict, scores: dict[str, np.ndarray]) -> np.ndarray:
    """P(fake) of calibrated scores by a fusion table of bundle.toml."""
    sequence, frame = (fusion[f"{kind}_weight"] * scores[f"calibrated_{kind}"] for kind in ("sequence", "frame"))
    return logistic(fusion["bias"] + sequence + frame)


def thresholds(videos: tuple[np.ndarray, dict[str, np.ndarray]], genuine_pictures: list[np.ndarray]) -> dict:
    """Where FAKE begins, for videos and stills alike, and where REAL ends, by the videos; both on their side of 1/2."""
    probability, scores = videos
    genuine, forged = (probability[(scores["family"] == "genuine") == is_genuine] for is_genuine in (True, False))
    highest = [np.quantile(p, 1 - ALLOWED_ERROR, method="higher") for p in (genuine, *genuine_pictures)]
    fake = max(0.5, float(max(highest)) + 1e-3)
    ends = [np.quantile(forged, ALLOWED_ERROR, method="lower")]
    for mine in (genuine, forged):
        ends.append(np.quantile(mine, max(0.0, (mine < fake).mean() - ALLOWED_DOUBT), method="higher"))
    real = min(float(max(ends)), 0.5 - 1e-3)
    return {"fake_at_or_above": round(fake, 3), "real_at_or_below": round(real, 3)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    calibrate(arguments.models, arguments.cache)
