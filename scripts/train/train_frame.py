"""Train the frame model: DINOv2 ViT-S/14 with its norms, biases, scales and heads moved, on pairs made as it goes.

    python scripts/train/train_frame.py --config scripts/train/configs/frame-dino-s.toml --minutes 60
    python scripts/train/train_frame.py --config scripts/train/configs/frame-dino-s.toml --decay-steps 300
    python scripts/train/train_frame.py --config scripts/train/configs/frame-dino-s.toml --adopt-end

The first command goes on from `scripts/train/state/<name>.safetensors` (committed: a fresh machine continues) and writes it
every few minutes, at the end and when it is told to stop (SIGTERM, SIGINT). The rate stays constant, so there is always more to
be had. The second branches off: from the same state the rate falls to zero, and the result, averaged, is what `export.py`
takes (<cache>/runs/<name>/decayed.safetensors); the state itself is not touched. A fall that was stopped lies in
`scripts/train/state/<name>-falling.safetensors`, and the same command goes on with it. The third makes the end of the last fall the
state to go on from, where it proved better: its averaged weights alone, a quarter of a whole state.
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from frame_pairs import StepPairs, steps_from
from frame_validation import Curve, answers, auc, closely_cropped, measures, pair_set
from learner import Learner
from settings import CACHE_DIR, FOUNDATIONS_DIR, STATE_DIR, read_config

SAVE_SECONDS = 240
REPORT_STEPS = 20
LONGEST_STEP_SECONDS = 60  # a step that took longer was paused


class Run:
    """A learner, its data and its clock."""

    def __init__(self, config: dict, arguments: argparse.Namespace):
        self.config, self.arguments = config, arguments
        self.learner = Learner(config, torch.device(arguments.device), arguments.foundations)
        self.state = arguments.state or STATE_DIR / f"{config['name']}.safetensors"
        self.seconds, self.stopped, self.losses = 0.0, False, []
        if self.state.exists():
            self.seconds = self.learner.load(self.state)["seconds"]
            print(f"goes on from step {self.learner.step} of {self.state}", flush=True)
        elif arguments.grow_from:
            self.seconds = self.learner.grow_from(arguments.grow_from)["seconds"]
            print(f"grows from step {self.learner.step} of {arguments.grow_from}", flush=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)

    def stop(self, *_: object) -> None:
        self.stopped = True

    def batches(self) -> Iterator[dict[str, torch.Tensor]]:
        """From the next step on; given back when the first is there, so that the workers' start costs no training time."""
        dataset = StepPairs(self.config, self.arguments.cache, (self.learner.size_px,))
        steps = steps_from(self.learner.step, dataset, self.arguments.workers)
        return itertools.chain([next(steps)], steps)

    def one_step(self, batches: Iterator[dict[str, torch.Tensor]], left_share: float = 1.0) -> float:
        """Seconds it took, without what a pause added."""
        started = time.monotonic()
        self.losses.append(self.learner.learn(next(batches), left_share))
        took = min(time.monotonic() - started, LONGEST_STEP_SECONDS)
        self.seconds += took
        if self.learner.step % REPORT_STEPS == 0:
            self.report()
        return took

    def report(self) -> None:
        recent = self.losses[-REPORT_STEPS:]
        mean = {name: sum(entry[name] for entry in recent) / len(recent) for name in recent[0]}
        pictures = 2 * self.config["pairs"]["count"] * self.learner.step
        print(f"step {self.learner.step} pictures {pictures} " + " ".join(f"{k} {v:.3f}" for k, v in mean.items())
              + f" {pictures / max(self.seconds, 1e-9):.1f} img/s {self.seconds / 60:.1f} min", flush=True)

    def save(self, path: Path) -> None:
        self.learner.save(path, seconds=round(self.seconds, 1))

    def validate(self) -> dict[str, float]:
        held = pair_set(self.config, self.arguments.cache)
        with self.learner.averaged() as network:
            row = measures(held, answers(network, held, self.config["preprocess"]))
            close = answers(network, closely_cropped(held), self.config["preprocess"]).logits
            row["auc_close_crop"] = round(auc(close[:, 1], close[:, 0]), 4)
        recent = self.losses[-100:] or [{"picture": float("nan"), "mask": float("nan")}]
        about = {"step": self.learner.step, "pictures": 2 * self.config["pairs"]["count"] * self.learner.step, "minutes": round(self.seconds / 60, 1)}
        row = about | {f"loss_{name}": round(sum(entry[name] for entry in recent) / len(recent), 4) for name in recent[0]} | row
        print(json.dumps(row), flush=True)
        return row


def train(run: Run, minutes: float, steps: int | None) -> None:
    """At the constant rate, until the time is over, the steps are done or it is told to stop."""
    batches, curve = run.batches(), Curve(run.state.with_suffix(".csv"))
    budget, unsaved = minutes * 60, 0.0
    every = run.config["validation"]["every_steps"]
    while budget > 0 and not run.stopped and (steps is None or run.learner.step < steps):
        took = run.one_step(batches)
        budget, unsaved = budget - took, unsaved + took
        if unsaved > SAVE_SECONDS or run.learner.step % every == 0:
            run.save(run.state)
            unsaved = 0.0
        if run.learner.step % every == 0:
            curve.add(run.validate())
    run.save(run.state)
    print(f"stopped at step {run.learner.step}; state in {run.state}", flush=True)


def decay(run: Run, steps: int) -> None:
    """The branch to an end: the rate falls to zero on a straight line, and the average follows closely."""
    folder = run.arguments.cache / "runs" / run.config["name"]
    fall = Fall(run, steps)
    batches, saved_at = run.batches(), time.monotonic()
    for what in ("kept_patches", "average_keep"):
        run.learner.plan[what] = run.learner.plan[f"{what}_at_the_end"]
    while fall.left_share() > 0:
        run.one_step(batches, left_share=fall.left_share())
        if run.stopped or time.monotonic() - saved_at > SAVE_SECONDS:
            fall.save()
            saved_at = time.monotonic()
        if run.stopped:
            raise SystemExit(f"stopped at step {run.learner.step}; the same command goes on with {fall.path}")
    run.learner.save(folder / "decayed.safetensors", seconds=round(run.seconds, 1))
    (folder / "decayed.json").write_text(json.dumps(run.validate(), indent=1) + "\n")
    fall.path.unlink(missing_ok=True)
    print(f"{folder / 'decayed.safetensors'}: {steps} steps from step {fall.began}", flush=True)


class Fall:
    """How far the rate has fallen, in a file of its own beside the state that it branched off from."""

    def __init__(self, run: Run, steps: int):
        self.run, self.steps, self.began = run, steps, run.learner.step
        self.path = run.state.with_name(f"{run.state.stem}-falling.safetensors")
        if self.path.exists():
            self.go_on()

    def go_on(self) -> None:
        about = self.run.learner.load(self.path)
        if (about["began"], about["steps"]) != (self.began, self.steps):
            raise SystemExit(f"{self.path} is a fall of {about['steps']} steps from step {about['began']}; ask for that or move it away")
        self.run.seconds = about["seconds"]
        print(f"goes on falling from step {self.run.learner.step}", flush=True)

    def left_share(self) -> float:
        return 1 - (self.run.learner.step - self.began) / self.steps

    def save(self) -> None:
        self.run.learner.save(self.path, seconds=round(self.run.seconds, 1), began=self.began, steps=self.steps)


def adopt_end(config: dict, arguments: argparse.Namespace) -> None:
    """The averaged weights of the last fall become the state, in place of what it branched off from; Adam's moments start anew."""
    ended = arguments.cache / "runs" / config["name"] / "decayed.safetensors"
    learner = Learner(config, torch.device("cpu"), arguments.foundations)
    seconds = learner.load(ended)["seconds"]
    state = arguments.state or STATE_DIR / f"{config['name']}.safetensors"
    learner.save(state, ("average",), seconds=seconds)
    print(f"{state}: goes on from step {learner.step}, where {ended} ended")


def name_machine(parser: argparse.ArgumentParser) -> None:
    """The arguments of whatever trains: where things lie, and with what it computes."""
    parser.add_argument("--cache", type=Path, default=CACHE_DIR)
    parser.add_argument("--foundations", type=Path, default=FOUNDATIONS_DIR)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60, help="of training, without validation and pauses")
    parser.add_argument("--steps", type=int, help="stop at this step at the latest")
    parser.add_argument("--decay-steps", type=int, help="branch off from the state and come to an end in so many steps")
    parser.add_argument("--adopt-end", action="store_true", help="make the end of the last fall the state to go on from")
    parser.add_argument("--state", type=Path, help="another state file than scripts/train/state/<name>.safetensors")
    parser.add_argument("--grow-from", type=Path, help="start, where there is no state yet, from one in which fewer tensors moved")
    name_machine(parser)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    config = read_config(chosen.config)
    if chosen.adopt_end:
        adopt_end(config, chosen)
    elif chosen.decay_steps:
        decay(Run(config, chosen), chosen.decay_steps)
    else:
        train(Run(config, chosen), chosen.minutes, chosen.steps)
