"""The loop that trains the sequence model's backbone on stills: steps, averaged weights, validation, checkpoints, curves."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path

import matplotlib
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from precision import autocast
from stills import StillPool, curriculum, feature_loss, jitter, normalise, picture_and_mask_loss, shift

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


class StillTraining:
    """Trains a trainee (picture logit and mask logits) on the pool of stills; resumes from its folder."""

    def __init__(self, trainee: nn.Module, config: dict, folder: Path):
        self.trainee, self.config, self.folder = trainee, config, folder
        self.plan = config["stills"]
        self.average = copy.deepcopy(trainee).eval()
        decayed = [p for p in trainee.parameters() if p.ndim > 1]
        plain = [p for p in trainee.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.plan["weight_decay"]}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=self.plan["learning_rate"], betas=(0.9, 0.98))
        self.step, self.seconds, self.history = 0, 0.0, []
        self.pool, self.validation = StillPool("train"), StillPool("validation").complete()
        if "families" in self.plan:
            self.pool.keep_families(self.plan["families"])
        folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> nn.Module:
        """Train to the configured number of steps and give the averaged trainee back."""
        self.resume()
        while self.step < self.plan["steps"]:
            started = time.time()
            loss = self.one_step()
            self.seconds += time.time() - started
            if self.step % 50 == 0:
                self.report(loss)
            if self.step % self.plan["validate_every"] == 0 or self.step == self.plan["steps"]:
                self.validate()
                self.save()
        return self.average

    def one_step(self) -> float:
        progress = self.step / self.plan["steps"]
        rng = np.random.default_rng([self.config["seed"], self.step])
        self.take_shards()
        batch = shift(self.pool.batch(self.plan["pairs"], curriculum(progress, self.plan["curriculum"]), rng), rng)
        images = normalise(jitter(batch["images"], rng), self.config["preprocess"]).contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(progress)
        self.trainee.train()
        with autocast():
            outputs = self.trainee(images)
        loss, picture_loss = picture_and_mask_loss(outputs, batch, self.plan["mask_weight"], self.plan.get("trust", 0.0))
        if self.pool.taught:
            loss = loss + self.plan["feature_weight"] * feature_loss(self.trainee.changes(outputs[2].float()), batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trainee.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.update_average()
        return float(picture_loss)

    def take_shards(self) -> None:
        """The first round of shards at once, then one more every `steps_per_shard` steps; their teacher's opinion every `steps_per_opinion`."""
        self.pool.take(self.plan["first_shards"] + self.step // self.plan["steps_per_shard"])
        if "steps_per_opinion" in self.plan:
            self.pool.take_opinions(min(len(self.pool.shards), self.step // self.plan["steps_per_opinion"]))

    def rate(self, progress: float) -> float:
        """Warm-up, a plateau, then a straight line to zero over the last part."""
        warm = min(1.0, (self.step + 1) / self.plan["warmup_steps"])
        fall = min(1.0, (1 - progress) / self.plan["decay_share"])
        return self.plan["learning_rate"] * warm * fall

    @torch.no_grad()
    def update_average(self) -> None:
        keep = min(self.plan["average_keep"], self.step / (self.step + 20))
        for mine, theirs in zip(self.average.state_dict().values(), self.trainee.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)

    @torch.no_grad()
    def validate(self) -> None:
        """AUC of the averaged weights on validation people, per stage."""
        self.average.eval()
        row = {"step": self.step, "images": self.step * self.plan["pairs"] * 2, "minutes": round(self.seconds / 60, 1)}
        for stage in ("medium", "full"):
            for shard in self.validation.stage(stage)[:1]:
                images = torch.from_numpy(np.array(shard["pairs"][: self.plan["validation_pairs"]])).flatten(0, 1).permute(0, 3, 1, 2)
                with autocast():
                    outputs = [self.average(normalise(part, self.config["preprocess"]))[:2] for part in images.split(64)]
                scores = torch.cat([picture.float() for picture, _ in outputs])
                masks = torch.cat([mask.float().sigmoid().flatten(1).topk(max(1, mask[0].numel() // 16)).values.mean(1) for _, mask in outputs])
                labels = np.tile([0, 1], len(scores) // 2)
                row[f"auc_{stage}"] = round(roc_auc_score(labels, scores.numpy()), 4)
                row[f"mask_auc_{stage}"] = round(roc_auc_score(labels, masks.numpy()), 4)
        self.history.append(row)
        print(json.dumps(row), flush=True)

    def report(self, loss: float) -> None:
        speed = self.step * self.plan["pairs"] * 2 / max(self.seconds, 1e-9)
        shards = len(self.pool.shards)
        print(f"step {self.step}/{self.plan['steps']} loss {loss:.3f} {speed:.0f} images/s {self.seconds / 60:.1f} min, {shards} shards", flush=True)

    def save(self) -> None:
        state = {"trainee": self.trainee.state_dict(), "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "step": self.step, "seconds": self.seconds, "history": self.history}
        torch.save(state, self.folder / "stills.part")
        (self.folder / "stills.part").replace(self.folder / "stills.pt")
        draw_curves(self.history, self.folder / "stills.png")

    def resume(self) -> None:
        path = self.folder / "stills.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.trainee.load_state_dict(state["trainee"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.history = state["step"], state["seconds"], state["history"]
        print(f"resumed at step {self.step}", flush=True)


def draw_curves(history: list[dict], path: Path) -> None:
    """Every column of the history against the number of images seen."""
    figure, axes = plt.subplots(figsize=(7, 4))
    for key in [key for key in history[-1] if "auc" in key or "loss" in key]:
        axes.plot([row["images"] for row in history], [row.get(key) for row in history], marker=".", label=key)
    axes.set(xlabel="images seen", ylabel="validation", title=path.stem)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
