"""Full-size networks with random weights, from files as the field has them to the service's answer, against PyTorch.

    python scripts/train/end_to_end.py [--program target/debug/framewitness] [--video videos/genuine.mp4] [--frames 6]

1. ResNeXt-50 32x4d + BiLSTM is saved as `checkpoint.pth` (a training program's wrappers around it), CLIP ViT-L/14 as
   `ViT-L-14.pt` in half precision and the D3 head as `classifier.pth`.
2. `framewitness models add` makes model folders of them and `models use` a bundle; the program serves it and analyses the video.
3. PyTorch (torchvision, transformers, plain modules: `reference_networks.py`) scores the crops the service shows, resized by
   Pillow. The crops are JPEG at quality 100, so a byte may differ by a level or two from what the service scored.

Prints every score beside its reference and ends with an error when one differs by more than 1e-3 (5e-3 with --onnx). With --onnx the frame model is
a dynamic-quantised ResNet-18 (`pip install onnxruntime onnx`), and ONNX Runtime is the reference. With --presets a random
file of every other published layout is added, which loads it strictly and runs it once; no scores are compared.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from pathlib import Path

import torch
from PIL import Image
from reference_networks import reference, shapes_of
from torchvision import transforms
from torchvision.transforms import InterpolationMode

ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-3
# A quantised network is a staircase: a byte that JPEG changed can move the scale of a whole layer.
QUANTISED_TOLERANCE = 5e-3
RESNEXT50 = {"stem_width": 64, "layers": [3, 4, 6, 3], "groups": 32, "width_per_group": 4}
SEED = {"family": "resnext-bilstm", **RESNEXT50, "lstm_layers": 2, "lstm_hidden": 512, "attention_heads": 4, "activation": "gelu", "max_frames": 200}
D3 = {"family": "clip-vit-d3", "image_px": 224, "patch_px": 14, "width": 1024, "layers": 24, "heads": 16, "permutation_seed": 418}
VIT = {key: D3[key] for key in ("image_px", "patch_px", "width", "layers", "heads")}
RECURRENT = {**RESNEXT50, "lstm_layers": 1, "lstm_hidden": 2048, "batch_first": False, "max_frames": 200}
# Spread (over the faces of several clips) and mean that random logits are brought to, so that no probability is near 0 or 1. A
# random network hardly tells the frames of one clip apart, and what JPEG changes is not small beside that: encoding the shown crops
# once more moves random D3 logits by 9 % of their spread over a clip (measured). Scaled up further, that would pass the tolerance.
SPREAD, MEAN = 0.05, 0.3
CLIPS = ("videos/genuine.mp4", "videos/manipulated.mp4", "videos/two-people.mp4")


def random_state(architecture: dict) -> dict[str, torch.Tensor]:
    """Weights that keep activations of order one through all layers. What a transformer's blocks add to its stream is small, as
    CLIP's initialisation has it: otherwise a random one is chaotic, and a changed pixel changes everything."""
    state = {}
    for name, shape in shapes_of(architecture).items():
        last_norm = re.search(r"bn3\.weight$", name)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        elif name.endswith(("running_var", "weight")) and len(shape) == 1:
            state[name] = torch.full(shape, 0.3 if last_norm else 1.0) * (1 + 0.1 * torch.rand(shape))
        elif len(shape) == 1:
            state[name] = torch.randn(shape) * 0.05
        elif name.endswith((".pe", "positional_embedding")):
            state[name] = torch.randn(shape) / math.sqrt(shape[-1])
        else:
            fan_in = math.prod(shape[1:])
            gain = 2.0 if len(shape) == 4 and "feature_extractor" in name else 1.0
            if "resblocks" in name and name.endswith(("out_proj.weight", "c_proj.weight")):
                gain = 1 / (2 * architecture["layers"])
            state[name] = torch.randn(shape) * math.sqrt(gain / fan_in)
    return state


def logits(outputs: torch.Tensor, fake: int) -> torch.Tensor:
    """Of P(fake): the only number, or the difference of the two."""
    return outputs.flatten() if outputs.shape[-1] == 1 else outputs[..., fake] - outputs[..., 1 - fake]


def settle(architecture: dict, state: dict[str, torch.Tensor], pictures: torch.Tensor, last: str) -> None:
    """Scales the last layer so that the logits of these faces have SPREAD and MEAN."""
    with torch.inference_mode():
        frames = logits(reference(architecture, dict(state))(pictures)["frame_logits"], 0)
    factor = SPREAD / frames.std().item()
    print(f"{last} scaled by {factor:.1f}")
    state[f"{last}.weight"] *= factor
    bias = state[f"{last}.bias"]
    bias *= factor
    bias[0] += MEAN - frames.mean().item() * factor


def prepare(crops: list[Image.Image], manifest: dict) -> torch.Tensor:
    said = manifest["preprocess"]
    side = round(said["canvas_px"] * said.get("centre_ratio", 1.0))
    kernel = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}[said["resize"]]
    steps = [transforms.CenterCrop(side), transforms.Resize((said["size_px"],) * 2, kernel), transforms.ToTensor()]
    steps.append(transforms.Normalize(said["mean"], said["std"]))
    return torch.stack([transforms.Compose(steps)(crop) for crop in crops])


class Service:
    """The program with a models directory of its own."""

    def __init__(self, program: Path, folder: Path, frames: int):
        self.program, self.models, self.folder = program, folder / "models", folder
        self.environment = os.environ | {
            "FRAMEWITNESS_MODELS_DIR": str(self.models), "FRAMEWITNESS_DATA_DIR": str(folder / "data"),
            "FRAMEWITNESS_SAMPLE_FRAMES": str(frames), "FRAMEWITNESS_ANALYSIS_DEADLINE_S": "3600",
            "FRAMEWITNESS_JPEG_QUALITY": "100", "FRAMEWITNESS_MIN_SCORED_FRAMES": "2",
            "FRAMEWITNESS_PRECISION": "fp32", "FRAMEWITNESS_FRAME_MODEL_PRECISION": "fp32",  # as PyTorch computes here
        }
        shutil.copytree(ROOT / "models", self.models)

    def run(self, *arguments: str | Path) -> None:
        print("$ framewitness", *arguments, flush=True)
        subprocess.run([self.program, *arguments], env=self.environment, cwd=ROOT, check=True)

    def predict(self, *videos: Path) -> list[tuple[dict, list[Image.Image]]]:
        """The answer on each video, and the scored crops of its deciding person."""
        log = self.folder / "log.txt"
        with log.open("w") as out:
            server = subprocess.Popen([self.program, "serve", "--bind", "127.0.0.1:0"], env=self.environment, cwd=ROOT, stderr=out)
        try:
            url = self.address(server, log)
            fetch = lambda path: Image.open(io.BytesIO(urllib.request.urlopen(url + path).read())).convert("RGB")  # noqa: E731
            answers = [json.load(urllib.request.urlopen(upload(f"{url}/predict", video), timeout=3600)) for video in videos]
            return [(answer, [fetch(face["crop_url"]) for face in scored(answer)]) for answer in answers]
        finally:
            server.terminate()
            server.wait()

    def address(self, server: subprocess.Popen, log: Path) -> str:
        while server.poll() is None:
            if found := re.search(r"serving on (\S+)", log.read_text()):
                return found[1]
            time.sleep(0.2)
        sys.exit(f"the service ended:\n{log.read_text()}")


def upload(url: str, file: Path) -> urllib.request.Request:
    edge = "framewitness-end-to-end"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
    body = head.encode() + file.read_bytes() + f"\r\n--{edge}--\r\n".encode()
    return urllib.request.Request(url, body, {"Content-Type": f"multipart/form-data; boundary={edge}"})


def scored(answer: dict) -> list[dict]:
    """The faces of the deciding person that were scored, in time order."""
    track = answer["tracks"][0]["id"]
    faces = [face for frame in answer["frames"] for face in frame["faces"] if face["track_id"] == track]
    return [face for face in faces if face["probability_fake"] is not None]


def manifest_of(service: Service, name: str) -> dict:
    return tomllib.loads((service.models / name / "manifest.toml").read_text())


def make_sequence(service: Service, crops: list[Image.Image], folder: Path) -> dict[str, torch.Tensor]:
    state = random_state(SEED)
    like = {"preprocess": {"canvas_px": 256, "centre_ratio": 0.77, "size_px": 180, "resize": "bilinear", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
    settle(SEED, state, prepare(crops, like), "fc2")
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}
    torch.save(wrapped, folder / "checkpoint.pth")
    service.run("models", "add", "seed", "--preset", "seed-bilstm", "--weights", folder / "checkpoint.pth")
    return state


def make_d3(service: Service, crops: list[Image.Image], folder: Path) -> dict[str, torch.Tensor]:
    state = random_state(D3)
    like = {"preprocess": {"canvas_px": 256, "size_px": 224, "resize": "bilinear", "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}}
    tower = {name: value.half() for name, value in state.items() if name.startswith("visual.")}
    state |= {name: value.float() for name, value in tower.items()}
    settle(D3, state, prepare(crops, like), "attention_head.fc")
    torch.save(tower, folder / "ViT-L-14.pt")
    prefix = "attention_head."
    torch.save({name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}, folder / "classifier.pth")
    files = ("--weights", folder / "ViT-L-14.pt", "--head", folder / "classifier.pth")
    service.run("models", "add", "d3", "--preset", "d3-vit-l14", *files)
    return state


def make_onnx(service: Service, folder: Path) -> Path:
    import torchvision
    from onnxruntime.quantization import QuantType, quantize_dynamic

    network = torchvision.models.resnet18(weights=None)
    network.fc = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(512, 2))
    with torch.no_grad():
        for _ in range(3):  # statistics for the batch norms
            network(torch.randn(8, 3, 224, 224))
    example = torch.randn(1, 3, 224, 224)
    names = {"input_names": ["input"], "output_names": ["output"]}
    torch.onnx.export(network.eval(), (example,), folder / "resnet.onnx", opset_version=17, dynamo=False, **names)
    quantize_dynamic(folder / "resnet.onnx", folder / "int8.onnx", weight_type=QuantType.QUInt8)
    (folder / "labels.txt").write_text("real\ndeepfake\n")
    files = ("--weights", folder / "int8.onnx", "--labels", folder / "labels.txt")
    service.run("models", "add", "brought", "--preset", "onnx", *files)
    return folder / "int8.onnx"


def add_every_preset(service: Service, folder: Path) -> None:
    """The published layouts that the comparison does not go through."""

    def add(name: str, preset: str, state: dict[str, torch.Tensor], *more: str | Path) -> None:
        file = folder / f"{name}.pth"
        torch.save({key: value.clone() for key, value in state.items()}, file)
        service.run("models", "add", name, "--preset", preset, "--weights", file, *more)
        file.unlink()

    add("twin", "seed-bilstm-relu8", random_state(SEED | {"attention_heads": 8, "activation": "relu"}))
    add("old", "seed-bilstm-old", random_state(RECURRENT | {"family": "resnext-bilstm-mean"}))
    add("jadhav", "jadhav-lstm", random_state(RECURRENT | {"family": "resnext-lstm", "pooling": "last"}))
    for head in ("fc", "fc.1"):
        resnet = {"family": "resnet", "stem_width": 64, "layers": [2, 2, 2, 2], "head": head}
        add(f"resnet-{head}", "resnet18", random_state(resnet))

    ufd = random_state(VIT | {"family": "clip-vit-linear", "embed_width": 768})
    head = {name: ufd.pop(f"fc.{name}") for name in ("weight", "bias")}
    torch.save(head, folder / "fc_weights.pth")
    add("ufd", "ufd-vit-l14", ufd, "--head", folder / "fc_weights.pth")
    # GenD is published in Hugging Face's names.
    gend = VIT | {"family": "clip-vit-norm-linear", "embed_width": 768}
    network = reference(gend, random_state(gend))
    state = {f"feature_extractor.{name}": value for name, value in network.tower.state_dict().items()}
    add("gend", "gend-vit-l14", state | network.head.state_dict())
    service.run("models", "list")


def run_onnx(file: Path, pictures: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    rows = [torch.from_numpy(session.run(None, {"input": picture[None].numpy()})[0]) for picture in pictures]
    return logits(torch.cat(rows), 1)


def compare(answer: dict, sequence: dict[str, torch.Tensor] | None, frame: torch.Tensor, tolerance: float) -> bool:
    """Prints the service's probabilities beside those of the reference logits; whether all are near."""
    rows = []
    track, faces = answer["tracks"][0], scored(answer)
    weights = (0.5, 0.5) if sequence else (0.0, 1.0)
    fused = lambda s, f: weights[0] * s + weights[1] * f  # noqa: E731
    for i, face in enumerate(faces):
        s = sequence["frame_logits"][i] if sequence else torch.zeros(())
        rows += [(f"frame {i} sequence", face["sequence_probability"], s)] if sequence else []
        rows += [(f"frame {i} frame", face["frame_probability"], frame[i]), (f"frame {i} fused", face["probability_fake"], fused(s, frame[i]))]
    s = sequence["track_logit"] if sequence else torch.zeros(())
    rows += [("track sequence", track["sequence_probability"], s)] if sequence else []
    rows += [("track frame", track["frame_probability"], frame.mean()), ("track fused", track["probability_fake"], fused(s, frame.mean()))]
    rows += [("video", answer["probability_fake"], fused(s, frame.mean()))]
    worst = 0.0
    print(f"{'score':22}{'service':>10}{'reference':>11}{'difference':>12}")
    for name, ours, logit in rows:
        theirs = torch.sigmoid(logit).item()
        worst = max(worst, abs(ours - theirs))
        print(f"{name:22}{ours:10.6f}{theirs:11.6f}{abs(ours - theirs):12.1e}")
    print(f"largest difference {worst:.1e}, allowed {tolerance:.0e}")
    return worst <= tolerance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", type=Path, default=ROOT / "target/debug/framewitness")
    parser.add_argument("--video", type=Path, default=ROOT / "videos/genuine.mp4")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--onnx", action="store_true", help="a quantised ResNet-18 as the frame model, and no sequence model")
    parser.add_argument("--presets", action="store_true", help="only add a random file of every other preset")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(11)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = Service(arguments.program, folder, arguments.frames)
        if arguments.presets:
            add_every_preset(service, folder)
            return
        crops = [crop for _, shown in service.predict(*(ROOT / clip for clip in CLIPS)) for crop in shown[:4]]
        if arguments.onnx:
            file = make_onnx(service, folder)
            service.run("models", "use", "--frame", "brought", "--fake-at-or-above", "0.7", "--real-at-or-below", "0.3")
        else:
            states = make_sequence(service, crops, folder), make_d3(service, crops, folder)
            service.run("models", "use", "--sequence", "seed", "--frame", "d3", "--fake-at-or-above", "0.7", "--real-at-or-below", "0.3")
        [(answer, crops)] = service.predict(arguments.video)
        print(f"{arguments.video.name}: {answer['verdict']}, {len(crops)} scored frames, {answer['processing_time_sec']} s")
        with torch.inference_mode():
            if arguments.onnx:
                sequence, frame = None, run_onnx(file, prepare(crops, manifest_of(service, "brought")))
            else:
                said = manifest_of(service, "seed"), manifest_of(service, "d3")
                networks = [reference(m["architecture"], dict(state)) for m, state in zip(said, states, strict=True)]
                scores = networks[0](prepare(crops, said[0]))
                sequence = {"track_logit": logits(scores["track_logits"], 0)[0], "frame_logits": logits(scores["frame_logits"], 0)}
                frame = logits(networks[1](prepare(crops, said[1]))["frame_logits"], 0)
        if not compare(answer, sequence, frame, QUANTISED_TOLERANCE if arguments.onnx else TOLERANCE):
            sys.exit("the service and the reference differ")


if __name__ == "__main__":
    main()
