"""A vision transformer as PyTorch's ONNX exporter leaves it, for the Rust tests that read one (`src/inference/foundation`).

Tensors keep their names behind `backbone.`, except the weights of linear layers, which lose theirs and lie as [inputs, outputs]
beside a `MatMul`, and the positions, which come in two constants. The nodes are those that tell what a constant is, in the order
of an exported graph; the rest of the transformer, and the decoder behind it that the published file goes on to, is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

POSITIONS = "embeddings.position_embeddings"
PREFIX = "backbone."


def write_graph(state: dict[str, torch.Tensor], path: Path) -> None:
    """`state` in the names of Hugging Face's Dinov2Model."""
    nodes, constants = [], []

    def constant(name: str, value: torch.Tensor) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value.numpy()), name))
        return name

    for name, value in state.items():
        if name == POSITIONS:
            grid = constant("onnx::Reshape_2", value[:, 1:])
            nodes.append(helper.make_node("Reshape", [grid, "shape"], ["grid"], name="/backbone/embeddings/Reshape_1"))
            row = constant("onnx::Concat_1", value[:, :1])
            nodes.append(helper.make_node("Concat", [row, "resized"], ["positions"], name="/backbone/embeddings/Concat_6", axis=1))
        elif value.ndim == 2 and name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            weight = constant(f"onnx::MatMul_{len(constants)}", value.T)
            nodes.append(helper.make_node("MatMul", [f"/{layer}/x", weight], [f"/{layer}/MatMul_output_0"], name=f"/{layer}/MatMul"))
            nodes.append(helper.make_node("Add", [f"{PREFIX}{layer}.bias", f"/{layer}/MatMul_output_0"], [f"/{layer}/Add_output_0"]))
        else:
            constant(PREFIX + name, value)
    constant("decoder.final_conv.weight", torch.ones(1, 2, 1, 1))
    picture = helper.make_tensor_value_info("input_image", TensorProto.FLOAT, ["batch", 3, None, None])
    answer = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "main_graph", [picture], [answer], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=7, producer_name="pytorch")
    onnx.save(model, path)
