"""Pairs of clips made ahead of training, and the videos that evaluation scores.

    python scripts/train/clip_pool.py --config scripts/train/configs/pool.toml --split train
    python scripts/train/clip_pool.py --config scripts/train/configs/pool.toml --videos validation

Training shards: <cache>/clips/train/<n>.npy, u8 [N, 2, T, S, S, 3] RGB (genuine, forged), one journey a pair.
Videos: <cache>/videos/<split>/<n>.npz, `frames` u8 [F, 32, C, C, 3] at the canvas's own size, `family` ("genuine" or a forgery), `person`; every video
has a journey of its own, so a forged one may well be of better quality than its genuine source.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from degrade import draw_journey, travel
from faces import Faces
from manipulate import FAMILIES, TRAINED_FAMILIES, Forger
from pairs import shrink
from pseudo_video import Clip, animate, enliven, forge_clip, talking_head
from redrawers import Redrawers, load_redrawers
from settings import CACHE_DIR, read_config
from split import splits
from swap_autoencoder import load_swap_autoencoder


class ClipMaker:
    def __init__(self, faces: Faces, split: str, config: dict, seed: int, redrawers: Redrawers):
        self.faces, self.size_px, self.plan = faces, config["size_px"], config["clips"]
        self.rng = np.random.default_rng(seed)
        mine = [i for i, person in enumerate(faces.people) if splits()[person] == split]
        self.stills = np.array([i for i in mine if faces.frames[i] < 0])
        self.heads: dict[str, np.ndarray] = {}
        for i in mine:
            if faces.frames[i] >= 0:
                self.heads[faces.paths[i]] = np.append(self.heads.get(faces.paths[i], np.array([], int)), i)
        self.odds = faces.odds(self.stills)
        self.forger = Forger(faces, self.stills, self.rng, redrawers)

    def clip(self, frames: int) -> Clip:
        """A clip of anybody of the split: a real talking head now and then, else an animated still."""
        if self.heads and self.rng.random() < self.plan["talking_head_share"]:
            return talking_head(self.faces, self.heads[str(self.rng.choice(list(self.heads)))], frames, self.rng)
        return self.animated(int(self.rng.choice(self.stills, p=self.odds)), frames)

    def animated(self, index: int, frames: int) -> Clip:
        canvas, landmarks = np.array(self.faces.canvases[index]), self.faces.landmarks[index]
        return animate(canvas, landmarks, self.faces.people[index], frames, self.rng)

    def pair(self, frames: int) -> np.ndarray:
        """[2, T, S, S, 3]: genuine and forged after one journey, mirrored together half of the time."""
        self.forger.rng = self.rng
        family = self.forger.draw_family()
        genuine, forged = forge_clip(enliven(self.clip(frames), self.rng), self.forger, family, self.rng.uniform(*self.plan["strength"]), self.rng)
        journey = draw_journey(self.rng, self.rng.random() ** 0.5, codec=str(self.rng.choice(["h264", "jpeg", "none"], p=[.7, .2, .1])))
        both = [travel(clip.canvases, journey, self.rng, still=False) for clip in (genuine, forged)]
        stacked = np.stack([np.stack([shrink(picture, self.size_px) for picture in clip]) for clip in both])
        return stacked[:, :, :, ::-1] if self.rng.random() < 0.5 else stacked

    def video(self, clip: Clip, family: str) -> np.ndarray:
        """[T, S, S, 3]: the clip, genuine or forged, on a journey of its own, always ending in H.264."""
        if family != "genuine":
            _, clip = forge_clip(clip, self.forger, family, self.rng.uniform(*self.plan["strength"]), self.rng)
        journey = draw_journey(self.rng, self.rng.random(), codec="h264")
        return np.stack([shrink(picture, self.size_px) for picture in travel(clip.canvases, journey, self.rng, still=False)])


def fill_training(config: dict, cache_dir: Path) -> None:
    faces, redrawers, plan, folder = Faces(cache_dir), load_redrawers(cache_dir), config["clips"], cache_dir / "clips/train"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(plan["shards"]):
        path = folder / f"{number:03d}.npy"
        if path.exists():
            continue
        started = time.time()
        maker = ClipMaker(faces, "train", config, config["seed"] + 50_000 + number, redrawers)
        pairs = np.stack([maker.pair(plan["frames"]) for _ in range(plan["pairs_per_shard"])])
        with open(path.with_suffix(".part"), "wb") as file:
            np.save(file, pairs)
        os.replace(path.with_suffix(".part"), path)
        print(f"{path.name}: {len(pairs)} pairs of clips, {len(pairs) / (time.time() - started):.1f} a second", flush=True)


def fill_videos(config: dict, split: str, cache_dir: Path) -> None:
    """For each of some people: one genuine video and one of every family (of the trained ones only for validation)."""
    faces, plan, folder = Faces(cache_dir), config["videos"], cache_dir / "videos" / split
    folder.mkdir(parents=True, exist_ok=True)
    config = config | {"size_px": plan["size_px"]}
    maker = ClipMaker(faces, split, config, plan["seed"] + {"validation": 70_000, "test": 80_000}[split], load_redrawers(cache_dir))
    if split == "test":
        maker.forger.held_out_redrawer = load_swap_autoencoder(cache_dir)
    families = ["genuine", *(FAMILIES if split == "test" else TRAINED_FAMILIES)]
    people = list(dict.fromkeys(faces.people[int(i)] for i in maker.rng.choice(maker.stills, 3000, p=maker.odds)))[: plan["people"][split]]
    sources = [("still", next(i for i in maker.stills if faces.people[i] == person)) for person in people]
    sources += [("head", indices) for indices in maker.heads.values() for _ in range(plan["per_talking_head"][split])]
    for number, (kind, source) in enumerate(sources):
        path = folder / f"{number:03d}.npz"
        if path.exists():
            continue
        maker.rng = np.random.default_rng([plan["seed"], number, split == "test"])
        maker.forger.rng = maker.rng
        frames = plan["frames"]
        clips = [maker.animated(int(source), frames) if kind == "still" else talking_head(faces, source, frames, maker.rng) for _ in families]
        videos = np.stack([maker.video(clip, family) for clip, family in zip(clips, families)])
        with open(path.with_suffix(".part"), "wb") as file:
            np.savez(file, frames=videos, families=np.array(families), person=clips[0].person, kind=kind)
        os.replace(path.with_suffix(".part"), path)
    print(f"{len(sources)} people x {len(families)} videos in {folder}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--split", choices=["train"])
    parser.add_argument("--videos", choices=["validation", "test"])
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    settings = read_config(arguments.config)
    if arguments.split:
        fill_training(settings, arguments.cache)
    if arguments.videos:
        fill_videos(settings, arguments.videos, arguments.cache)
