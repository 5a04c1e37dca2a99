"""Where things lie, and reading a configuration file."""

from __future__ import annotations

import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
DATA_DIR = REPOSITORY.parent / "shared/data"
CACHE_DIR = Path.home() / ".cache/framewitness/train"
FOUNDATIONS_DIR = CACHE_DIR.parent / "foundations"
STATE_DIR = HERE / "state"
MODELS_DIR = REPOSITORY / "models"
POOL_CONFIG = HERE / "configs/pool.toml"


def read_config(path: Path) -> dict:
    with open(path, "rb") as file:
        return tomllib.load(file)
