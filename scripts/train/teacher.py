"""What the frame model says of the stills that the sequence model's backbone learns from.

    python scripts/train/teacher.py --models models --split train      # after, or beside, still_pool.py --canvases

For every shard in the order of the plan: <stage>-<n>.teacher.npz with `logits` f32 [N, 2] of P(fake) (genuine, forged), `maps` u8
[N, 2, 16, 16], the probability of every cell in 0..255, and `features` f16 [N, 2, 768], the class token beside the mean patch token.
The shard's canvases are removed then.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from export import stored_network
from pairs import shrunk
from precision import autocast
from settings import CACHE_DIR, MODELS_DIR, POOL_CONFIG, read_config
from still_pool import MASK_PX, plan
from stills import normalise

BATCH = 16


class Teacher:
    def __init__(self, folder: Path):
        self.network, manifest = stored_network(folder)
        self.preprocess = manifest["preprocess"]

    @torch.inference_mode()
    def opinion(self, canvases: np.ndarray) -> dict[str, np.ndarray]:
        """u8 [B, C, C, 3] -> logits [B], maps [B, 16, 16], features [B, 768]."""
        pictures = torch.from_numpy(shrunk(canvases, self.preprocess["size_px"])).permute(0, 3, 1, 2)
        with autocast():
            tokens = self.network.tokens(normalise(pictures, self.preprocess), None)
            pooled = self.network.pooled(tokens)
            logits, where = self.network.head(pooled)[:, 0], self.network.where(tokens, None)
        side = self.network.shape["image_px"] // self.network.shape["patch_px"]
        probabilities = where.float().sigmoid().view(-1, 1, side, side)
        maps = F.interpolate(probabilities, (MASK_PX, MASK_PX), mode="bilinear", antialias=True)[:, 0]
        return {"logits": logits.float().numpy(), "maps": (255 * maps).round().byte().numpy(), "features": pooled.half().numpy()}


def score(teacher: Teacher, path: Path) -> None:
    """Write what the teacher says of one shard, and remove its canvases."""
    canvases, started = np.load(path, mmap_mode="r"), time.time()
    flat = canvases.reshape(-1, *canvases.shape[2:])
    parts = [teacher.opinion(np.array(flat[at : at + BATCH])) for at in range(0, len(flat), BATCH)]
    said = {name: np.concatenate([part[name] for part in parts]).reshape(len(canvases), 2, *parts[0][name].shape[1:]) for name in parts[0]}
    partial = opinion_path(path).with_suffix(".part")
    with open(partial, "wb") as file:
        np.savez(file, **said)
    os.replace(partial, opinion_path(path))
    path.unlink()
    found = (said["logits"][:, 1:] > said["logits"][None, :, 0]).mean()
    print(f"{path.name}: {len(flat) / (time.time() - started):.1f} img/s, AUC {found:.3f}", flush=True)


def opinion_path(canvases: Path) -> Path:
    return canvases.with_name(canvases.name.replace(".canvases.npy", ".teacher.npz"))


def score_all(models: Path, name: str, split: str, cache_dir: Path) -> None:
    teacher = Teacher(models / name)
    for stage, index in plan(read_config(POOL_CONFIG), split):
        canvases = cache_dir / "stills" / split / f"{stage}-{index:03d}.canvases.npy"
        while not (opinion_path(canvases).exists() or canvases.with_name(canvases.name.replace(".canvases.npy", ".npz")).exists()):
            time.sleep(5)
        if opinion_path(canvases).exists():
            continue
        if not canvases.exists():
            raise SystemExit(f"{canvases} is not there: remove the shard and let still_pool.py make it again with --canvases")
        score(teacher, canvases)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_DIR)
    parser.add_argument("--model", default="frame-dino-s")
    parser.add_argument("--split", choices=["train", "validation"], default="train")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    score_all(arguments.models, arguments.model, arguments.split, arguments.cache)
