"""The fixed split by person. `splits.csv` is committed and never moves.

    python scripts/train/split.py --data ../shared/data     # writes splits.csv only where it does not exist

A person of both LFW and the Congress portraits (equal first and last name) counts as one person.
"""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import re
import unicodedata
from pathlib import Path

from settings import DATA_DIR, HERE

SPLITS_CSV = HERE / "splits.csv"
VALIDATION_PERCENT, TEST_PERCENT = 10, 10
SAME_SPEAKER = {"pwij3p": "id2_vcd_swwp2s"}  # seen by eye; all other GRID clips show different people


def person_of(path: Path | str, data_dir: Path = DATA_DIR) -> str:
    """The identity behind a file of the data folder."""
    path = Path(path)
    folder, stem = path.parent.name, path.stem
    if folder == "lfw":
        return plain(stem.rsplit("_", 1)[0])
    if folder == "us_congress":
        return congress_names(data_dir).get(path.name, "congress_" + stem.rsplit("_", 1)[1])
    if folder == "london":
        return "london_" + re.search(r"_(\d+)_", stem).group(1)
    if folder == "grid_video":
        return "grid_" + SAME_SPEAKER.get(stem, stem)
    raise ValueError(f"no rule for the identity of {path}")


def plain(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]+", "_", ascii_name).strip("_")


@functools.cache
def congress_names(data_dir: Path) -> dict[str, str]:
    """File name -> first_last, from notes such as "PELOSI, Nancy congress 119; 175x219"."""
    names = {}
    with open(data_dir / "manifest_faces.csv", newline="") as file:
        for row in csv.DictReader(file):
            note = re.match(r"([^,]+),\s+(\S+).* congress ", row["note"])
            if row["path"].startswith("train/us_congress/") and note:
                names[Path(row["path"]).name] = plain(f"{note.group(2)} {note.group(1)}")
    return names


def draw(person: str) -> str:
    """Train, validation or test by a hash of the name: independent of order and of what else there is."""
    percent = int(hashlib.sha256(f"framewitness-1:{person}".encode()).hexdigest(), 16) % 100
    if percent < TEST_PERCENT:
        return "test"
    return "validation" if percent < TEST_PERCENT + VALIDATION_PERCENT else "train"


@functools.cache
def splits() -> dict[str, str]:
    """person -> train | validation | test, from the committed file."""
    with open(SPLITS_CSV, newline="") as file:
        return {row["person"]: row["split"] for row in csv.DictReader(file)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    arguments = parser.parse_args()
    if SPLITS_CSV.exists():
        raise SystemExit(f"{SPLITS_CSV} exists and must not move")
    data_dir = arguments.data.resolve()
    people = sorted({person_of(path, data_dir) for path in data_dir.glob("train/*/*") if path.suffix in (".jpg", ".mpg")})
    with open(SPLITS_CSV, "w", newline="") as file:
        csv.writer(file).writerows([("person", "split"), *((person, draw(person)) for person in people)])
