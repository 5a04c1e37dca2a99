"""One frame network in training: which tensors move, a step, the average of the weights, and the small file it goes on from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from dinov2 import FACTORS, field_patches
from frame_heads import network_of
from precision import autocast
from settings import FOUNDATIONS_DIR
from stills import normalise

PARTS = ("moved", "average", "exp_avg", "exp_avg_sq")


class Learner:
    def __init__(self, config: dict, device: torch.device, foundations: Path = FOUNDATIONS_DIR):
        self.config, self.plan, self.device = config, config["training"], device
        self.size_px = config["preprocess"]["size_px"]
        self.network = network_of(config, foundations)
        if self.plan["moved"] == "low_rank":
            self.network.add_factors(self.plan["rank"], config["seed"])
        self.network.to(device)
        names = self.network.move(self.plan["moved"])
        self.moved = {name: parameter for name, parameter in self.network.named_parameters() if name in names}
        self.average = {name: parameter.detach().clone() for name, parameter in self.moved.items()}
        self.optimizer = torch.optim.AdamW(self.groups(), betas=(0.9, 0.98))
        self.step, self.moments_since = 0, 0

    def groups(self) -> list[dict]:
        """Vectors and heads at the full rate; the tower's matrices, or the factors beside them, at their own where they move."""
        groups: dict[str, list] = {"": [], "factor_": [], "matrix_": []}
        for name, parameter in self.moved.items():
            is_small = parameter.ndim == 1 or name.startswith(("head", "mask_head"))
            groups["" if is_small else "factor_" if name.endswith(FACTORS) else "matrix_"].append(parameter)
        return [{"params": parameters, "peak": self.plan[f"{kind}learning_rate"], "weight_decay": 0.0 if kind else self.plan["weight_decay"]}
                for kind, parameters in groups.items() if parameters]

    def learn(self, batch: dict[str, torch.Tensor], left_share: float = 1.0) -> dict[str, float]:
        """One step; `left_share` 1..0 scales the rate down in a branch that comes to an end."""
        warm = min(1.0, (self.step - self.moments_since + 1) / self.plan["warmup_steps"])
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * warm * left_share
        self.network.train()
        losses = self.losses(batch)
        self.optimizer.zero_grad(set_to_none=True)
        (losses["picture"] + self.plan["mask_weight"] * losses["mask"]).backward()
        torch.nn.utils.clip_grad_norm_(self.moved.values(), self.plan["clip"])
        self.optimizer.step()
        self.step += 1
        self.update_average()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def losses(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        images = normalise(batch[f"images-{self.size_px}"].to(self.device), self.config["preprocess"])
        masks = batch[f"masks-{self.size_px}"].to(self.device).flatten(1).float() / 255
        pairs = len(masks)
        kept = self.kept_patches(pairs).to(self.device)
        wanted = torch.cat([torch.zeros_like(masks), masks]).gather(1, kept)
        with autocast(self.device):
            logits, mask_logits = self.network(images, kept)
        labels = torch.cat([torch.zeros(pairs), torch.ones(pairs)]).to(self.device)
        return {"picture": F.binary_cross_entropy_with_logits(logits.float(), labels),
                "mask": F.binary_cross_entropy_with_logits(mask_logits.float(), wanted)}

    def kept_patches(self, pairs: int) -> torch.Tensor:
        """Numbers [2 pairs, K] of the patches, of those in the field, that are looked at in this step, the same for both halves of a pair."""
        field = field_patches(self.config["architecture"])
        generator = torch.Generator().manual_seed(self.config["seed"] * 1_000_003 + self.step)
        order = torch.rand(pairs, len(field), generator=generator).argsort(1)
        return field[order[:, : round(self.plan["kept_patches"] * len(field))]].repeat(2, 1)

    @torch.no_grad()
    def update_average(self) -> None:
        keep = min(self.plan["average_keep"], self.step / (self.step + 20))
        for name, parameter in self.moved.items():
            self.average[name].lerp_(parameter, 1 - keep)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[torch.nn.Module]:
        """The network with the averaged weights in place, for as long as the block lasts."""
        own = {name: parameter.detach().clone() for name, parameter in self.moved.items()}
        self.put(self.average)
        self.network.eval()
        try:
            yield self.network
        finally:
            self.put(own)

    @torch.no_grad()
    def put(self, values: dict[str, torch.Tensor]) -> None:
        for name, parameter in self.moved.items():
            parameter.copy_(values[name])

    def save(self, path: Path, parts: tuple[str, ...] = PARTS, kind: torch.dtype = torch.float32, **facts: float) -> None:
        """Everything to go on from (or `parts` of it), in one step of the file system: nobody ever reads half a state."""
        state = self.optimizer.state
        values = {"moved": self.moved, "average": self.average}
        for part in ("exp_avg", "exp_avg_sq"):
            values[part] = {name: state[p][part] for name, p in self.moved.items() if p in state}
        tensors = {f"{part}/{name}": tensor for part in parts for name, tensor in values[part].items()}
        about = {"step": self.step, "moments_since": self.moments_since, "fits": fits(self.config), **facts}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        save_file({name: t.detach().to("cpu", kind).contiguous() for name, t in tensors.items()}, partial, {"about": json.dumps(about)})
        partial.chmod(0o644)
        os.replace(partial, path)

    def load(self, path: Path) -> dict:
        """Go on from a state; what else was saved beside it is given back."""
        with safe_open(path, "pt", device=str(self.device)) as file:
            about = json.loads(file.metadata()["about"])
            if about["fits"] != fits(self.config):
                raise SystemExit(f"{path} was made with another [architecture] or other moved tensors; move it away to start anew")
            self.take(file, about)
        return about

    def grow_from(self, path: Path) -> dict:
        """Go on from a state of the same architecture in which fewer tensors moved, or in fewer directions; what did not starts as it is."""
        with safe_open(path, "pt", device=str(self.device)) as file:
            about = json.loads(file.metadata()["about"])
            self.take(file, about)
        return about

    def take(self, file: safe_open, about: dict) -> None:
        """Whatever of the parts a state holds; one of averages alone goes on from them, with moments anew."""
        parts = {part: {name: file.get_tensor(f"{part}/{name}") for name in self.moved if f"{part}/{name}" in file.keys()} for part in PARTS}
        parts["moved"] = parts["moved"] or parts["average"]
        values = {part: {name: widened(tensor, self.moved[name]) for name, tensor in parts[part].items()} for part in ("moved", "average")}
        self.put({name: parameter.detach() for name, parameter in self.moved.items()} | values["moved"])
        self.average |= values["average"]
        for name, parameter in self.moved.items():
            if name in parts["exp_avg"] and parts["exp_avg"][name].shape == parameter.shape:
                moments = {part: parts[part][name] for part in ("exp_avg", "exp_avg_sq")}
                self.optimizer.state[parameter] = {"step": torch.tensor(float(about["step"])), **moments}
        self.step = about["step"]
        # Moments that begin anew know nothing yet, so that the first steps at the full rate would go anywhere.
        self.moments_since = about.get("moments_since", 0) if parts["exp_avg"] else self.step


def widened(saved: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """A saved tensor in shape and precision of its own: factors of a higher rank go on with the directions that there were, and the new ones
    as they start, with a product of zero."""
    if saved.shape == own.shape:
        return saved.to(own.dtype)
    grown = own.detach().clone()
    grown[tuple(slice(size) for size in saved.shape)] = saved
    return grown


def fits(config: dict) -> str:
    """Digest of what a state depends on: the shape, and which tensors move. Rates, data and what is looked at may change on the way."""
    parts = {"architecture": {k: v for k, v in config["architecture"].items() if k not in ("image_px", "field")}, "moved": config["training"]["moved"]}
    if "rank" in config["training"]:
        parts["rank"] = config["training"]["rank"]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
