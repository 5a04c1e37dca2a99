"""Exports the averaged weights of the current checkpoint.

    python scripts/train/detector/snapshot.py --config scripts/train/detector/config.toml OUT_FOLDER
"""

import argparse
from pathlib import Path

import torch

from configuration import load_settings
from export import export_folder
from network import FaceDetector

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    settings = load_settings(arguments.config)
    state = torch.load(settings.checkpoint, weights_only=True)
    network = FaceDetector(**settings.network)
    network.load_state_dict(state["average"])
    print(f"step {state['step']}: {export_folder(network, arguments.out, settings.deploy)}")
