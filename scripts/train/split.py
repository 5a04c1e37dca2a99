"""The fixed split by person. `splits.csv` is committed and never moves.

    python scripts/train/split.py --data ../shared/data     # writes splits.csv; where it exists, appends only new people

People who joined later (train/portraits_hd) are all in training; nobody who has a row ever changes.
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
    if folder == "portraits_hd":
        return portraits(data_dir)[path.name]
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


@functools.cache
def portraits(data_dir: Path) -> dict[str, str]:
    """File name -> person, as the manifest states it: the same name as in other folders for the same person."""
    with open(data_dir / "manifest_portraits_hd.csv", newline="") as file:
        return {Path(row["path"]).name: row["person"] for row in csv.DictReader(file)}


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


def append_new(people: list[str]) -> int:
    """Rows for people who have none yet, all in training."""
    new = [person for person in people if person not in splits()]
    with open(SPLITS_CSV, "a", newline="") as file:
        csv.writer(file).writerows((person, "train") for person in new)
    return len(new)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA_DIR)
    arguments = parser.parse_args()
    data_dir = arguments.data.resolve()
    people = sorted({person_of(path, data_dir) for path in data_dir.glob("train/*/*") if path.suffix in (".jpg", ".mpg")})
    if SPLITS_CSV.exists():
        print(f"{append_new(people)} new people, all in training")
    else:
        with open(SPLITS_CSV, "w", newline="") as file:
            csv.writer(file).writerows([("person", "split"), *((person, draw(person)) for person in people)])
