"""Reads config.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Settings:
    data: dict
    canvas: dict
    network: dict
    loss: dict
    train: dict
    deploy: dict

    @property
    def data_root(self) -> Path:
        return self.resolve(self.data["root"])

    @property
    def teacher(self) -> Path:
        return self.resolve(self.data["teacher"])

    @property
    def cache(self) -> Path:
        return self.resolve(self.data["cache"])

    @property
    def checkpoint(self) -> Path:
        return self.cache / self.train["checkpoint"]

    @staticmethod
    def resolve(path: str) -> Path:
        return (REPOSITORY / Path(path).expanduser()).resolve()


def load_settings(path: Path) -> Settings:
    with open(path, "rb") as file:
        return Settings(**tomllib.load(file))
