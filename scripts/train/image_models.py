"""Writes tests/fixtures/image-models: tiny classifiers as users bring them, with what ONNX Runtime
and PyTorch say of the same pictures.

    pip install onnxruntime onnx        # beside requirements.txt
    python scripts/train/image_models.py

- int8.onnx: opset 17, dynamic-quantised by onnxruntime (weights QUInt8): DynamicQuantizeLinear,
  ConvInteger, MatMulInteger. Two logits.
- channels-last.onnx: [1, 64, 64, 3], softmax at the end, as exports from TensorFlow look.
- module.pt: the same network as a traced TorchScript module.
- pictures.safetensors: the pictures and the outputs of all three.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import save_file
from torch import nn

OUT = Path(__file__).resolve().parents[2] / "tests/fixtures/image-models"
SIDE = 64


class Tiny(nn.Module):
    """Convolutions with a shortcut, pooling and a linear layer: each kind of layer a ResNet has."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.block = nn.Sequential(
            nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16)
        )
        self.down = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(32, 2))

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.block(x))
        return self.head(self.down(x).mean((2, 3)))


class ChannelsLast(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x.permute(0, 3, 1, 2)).softmax(-1)


def export(network, example, name, batch):
    axes = {"input": {0: "batch"}, "output": {0: "batch"}} if batch else None
    torch.onnx.export(
        network,
        (example,),
        OUT / name,
        opset_version=17,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes=axes,
        dynamo=False,
    )


def say(name, pictures):
    """ONNX Runtime's answers, one picture at a time: a batch shares its quantisation scales."""
    session = onnxruntime.InferenceSession(OUT / name, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input": pictures[i : i + 1]})[0] for i in range(len(pictures))])


def main():
    torch.set_num_threads(1)
    torch.manual_seed(7)
    OUT.mkdir(parents=True, exist_ok=True)
    network = Tiny()
    with torch.no_grad():
        for _ in range(20):  # statistics for the batch norms
            network(torch.randn(16, 3, SIDE, SIDE))
    network.eval()
    pictures = torch.randn(3, 3, SIDE, SIDE) * torch.tensor([0.5, 1.0, 2.0]).view(3, 1, 1, 1)

    export(network, pictures, "float.onnx", batch=True)
    quantize_dynamic(OUT / "float.onnx", OUT / "int8.onnx", weight_type=QuantType.QUInt8)
    (OUT / "float.onnx").unlink()
    operators = {node.op_type for node in onnx.load(OUT / "int8.onnx").graph.node}
    assert {"DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"} <= operators, operators
    last = pictures.permute(0, 2, 3, 1).contiguous()
    export(ChannelsLast(network).eval(), last[:1], "channels-last.onnx", batch=False)
    torch.jit.trace(network, pictures[:1]).save(OUT / "module.pt")

    with torch.no_grad():
        module = torch.cat([network(picture[None]) for picture in pictures])
    outputs = {
        "pictures": pictures,
        "int8": torch.from_numpy(say("int8.onnx", pictures.numpy())),
        "channels_last": torch.from_numpy(say("channels-last.onnx", last.numpy())),
        "module": module,
    }
    save_file(outputs, OUT / "pictures.safetensors")
    (OUT / "labels.txt").write_text("real\ndeepfake\n")
    for name, tensor in outputs.items():
        if name != "pictures":
            print(name, tensor.tolist())


main()
