"""One peer of the inference benchmark, by name: a line of JSON `{"model": …, "batch": …}` in, a line with `seconds` out.

What is timed is what the service does on its model thread: aligned crops of bytes in memory to logits, the resize among it. Each
peer runs as its documentation advises for inference, with as many threads as there are cores; a network's first run is not counted. Other
tasks: `{"gemm": "fp32"}` tells the rate of matrix products, `{"operations": …, "batch": …}` what a network asks for.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

import models
import numpy as np
import torch

CORES = os.cpu_count()
LEAST_RUNS, LEAST_SECONDS = 3, 0.3
GEMM_SIDE = 2048


def eager(network, example):
    return network


def channels_last(network, example):
    return network.to(memory_format=torch.channels_last)


def eager_bf16(network, example):
    network = network.to(memory_format=torch.channels_last)

    def run(pictures):
        with torch.autocast("cpu", torch.bfloat16):
            return network(pictures)

    return run


def compiled(network, example):
    import torch._inductor.config

    torch._inductor.config.freezing = True
    return torch.compile(network.to(memory_format=torch.channels_last))


def script_frozen(network, example):
    return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(network, example, check_trace=False)))


def onnx_runtime(network, example, file=None):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file or exported(network, example)), options, providers=["CPUExecutionProvider"])
    return lambda pictures: torch.from_numpy(session.run(None, {"pictures": pictures.numpy()})[0])


def onnx_runtime_int8(network, example):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain = exported(network, example)
    file = plain.with_suffix(".int8.onnx")
    if not file.exists():
        shaped = plain.with_suffix(".shaped.onnx")
        quant_pre_process(plain, shaped, skip_symbolic_shape=True)
        quantize_dynamic(shaped, file, weight_type=QuantType.QUInt8)
        shaped.unlink()
    return onnx_runtime(network, example, file)


def openvino(network, example, precision="f32"):
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": CORES, "INFERENCE_PRECISION_HINT": precision}
    compiled_model = core.compile_model(core.read_model(exported(network, example)), "CPU", settings)
    return lambda pictures: torch.from_numpy(np.array(compiled_model(pictures.numpy())[0]))


def openvino_bf16(network, example):
    return openvino(network, example, "bf16")


PEERS = {peer.__name__: peer for peer in (eager, channels_last, compiled, script_frozen, onnx_runtime, openvino, eager_bf16, openvino_bf16, onnx_runtime_int8)}
exporting = {}


def exported(network, example):
    """The network as ONNX, for this number of pictures."""
    file = models.FOLDER / f"{exporting['model']}-{len(example)}.onnx"
    if not file.exists():
        part = file.with_suffix(".part")
        torch.backends.mha.set_fastpath_enabled(False)  # one operator that ONNX does not have
        torch.onnx.export(network, (example,), part, opset_version=17, dynamo=False, input_names=["pictures"], output_names=["logits"])
        torch.backends.mha.set_fastpath_enabled(True)
        part.rename(file)
    return file


def timed(run, canvases: torch.Tensor, name: str) -> dict:
    took = []
    logits = run(models.prepared(canvases, name))
    while len(took) < LEAST_RUNS or sum(took) < LEAST_SECONDS:
        started = time.perf_counter()
        logits = run(models.prepared(canvases, name))
        took.append(time.perf_counter() - started)
        if took[-1] > 0.8:  # seconds: once is enough
            break
    return {"seconds": statistics.median(took), "logits": logits.float().flatten()[:16].tolist()}


def gemm(kind: str) -> dict:
    """Best of ten products of square matrices."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
    one, other, best = torch.randn(GEMM_SIDE, GEMM_SIDE).to(dtype), torch.randn(GEMM_SIDE, GEMM_SIDE).to(dtype), float("inf")
    for _ in range(10):
        started = time.perf_counter()
        one @ other
        best = min(best, time.perf_counter() - started)
    return {"gflop_per_s": 2 * GEMM_SIDE**3 / best / 1e9}


def operations(name: str, batch: int) -> dict:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    side = models.TIMED[name].manifest()["preprocess"]["size_px"]
    # Attention's own kernels on processors are not counted, its matrix products are.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        models.network(name)(torch.randn(batch, 3, side, side))
    return {"gflop": counter.get_total_flops() / 1e9}


class Peer:
    """Holds one network at a time."""

    def __init__(self, name: str):
        self.prepare, self.loaded, self.run = PEERS[name], None, None
        self.canvases = torch.from_numpy(np.load(models.FOLDER / "canvases.npy"))

    def answer(self, task: dict) -> dict:
        if "gemm" in task:
            return gemm(task["gemm"])
        if "operations" in task:
            return operations(task["operations"], task["batch"])
        if self.loaded != task:
            self.run = None
            exporting["model"] = task["model"]
            example = models.prepared(self.canvases[: task["batch"]], task["model"])
            self.run, self.loaded = self.prepare(models.network(task["model"]), example), task
        return timed(self.run, self.canvases[: task["batch"]], task["model"])


def main():
    torch.set_num_threads(CORES)
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries that print must not spoil the protocol
    peer = Peer(sys.argv[1])
    for line in sys.stdin:
        try:
            with torch.no_grad() if sys.argv[1] == "compiled" else torch.inference_mode():
                answer = peer.answer(json.loads(line))
        except Exception as error:  # a peer that cannot run a network has no figure there
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
