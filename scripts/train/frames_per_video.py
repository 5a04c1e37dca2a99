"""How many frames of a video the frame model needs: AUC on pseudo-videos by the number of frames, and with mirrored ones.

    python scripts/train/frames_per_video.py --models models --videos validation --report frames.md

A video's score is the mean logit of evenly spread frames. The second line of each number adds the mirrored frame (twice the cost).
`--every 3` looks at a third of the sources (an hour of two cores for all of them).
With `--stored` nothing is computed: every eighth, fourth and second of the eight frames whose logits `evaluate.py` kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from evaluate import auc_with_interval, evenly, read_scores
from export import stored_network
from pairs import shrunk
from precision import autocast
from settings import CACHE_DIR, MODELS_DIR
from stills import normalise

COUNTS = (4, 8, 16, 30)


@torch.no_grad()
def logits(network: torch.nn.Module, frames: np.ndarray, preprocess: dict) -> np.ndarray:
    """Canvases u8 [T, C, C, 3] -> [T, 2]: as they are, mirrored."""
    pictures = torch.from_numpy(shrunk(frames, preprocess["size_px"])).permute(0, 3, 1, 2)
    both = torch.cat([pictures, pictures.flip(3)])
    with autocast():
        found = [network(normalise(part, preprocess))[0].float() for part in both.split(16)]
    return torch.cat(found).view(2, -1).T.numpy()


def report(folder: Path, split: str, cache_dir: Path, every: int) -> str:
    network, stated = stored_network(folder)
    scores, forged, people = [], [], []
    wanted = np.unique(np.concatenate([evenly(32, count) for count in COUNTS]))
    for path in tqdm(sorted((cache_dir / "videos" / split).glob("*.npz"))[::every], desc=split):
        stored = np.load(path)
        for family, frames in zip(stored["families"], stored["frames"]):
            row = np.full((len(frames), 2), np.nan)
            row[wanted] = logits(network, frames[wanted], stated["preprocess"])
            scores.append(row)
            forged.append(family != "genuine")
            people.append(str(stored["person"]))
    scores, forged, people = np.stack(scores), np.array(forged), np.array(people)
    lines = [f"{len(forged)} videos, {forged.sum()} forged.", "", "| frames | mirrored as well | AUC (95 % interval) |", "|---|---|---|"]
    for count in COUNTS:
        for name, part in (("no", scores[:, evenly(32, count), :1]), ("yes", scores[:, evenly(32, count)])):
            lines.append(f"| {count} | {name} | " + "{:.3f} ({:.3f}-{:.3f}) |".format(*auc_with_interval(part.mean((1, 2)), forged, people)))
    return "\n".join(lines) + "\n"


def report_stored(split: str, cache_dir: Path) -> str:
    scores = read_scores(split, cache_dir)
    each = np.array([[float(logit) for logit in row.split()] for row in scores["frames"]])
    forged, people = scores["family"] != "genuine", scores["person"]
    lines = [f"{len(forged)} videos, {forged.sum()} forged.", "", "| frames | AUC (95 % interval) |", "|---|---|"]
    for step in (8, 4, 2, 1):
        chosen = each[:, step // 2 :: step]
        lines.append(f"| {chosen.shape[1]} | " + "{:.3f} ({:.3f}-{:.3f}) |".format(*auc_with_interval(chosen.mean(1), forged, people)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--name", default="frame-dino-s")
    parser.add_argument("--videos", choices=["validation", "test"], default="validation")
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="look at one of so many sources")
    parser.add_argument("--stored", action="store_true", help="take the logits that evaluate.py kept of eight frames")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.stored:
        text = report_stored(arguments.videos, arguments.cache)
    else:
        text = report(arguments.models / arguments.name, arguments.videos, arguments.cache, arguments.every)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
