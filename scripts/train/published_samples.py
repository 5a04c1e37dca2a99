"""Sort the samples that authors of detection repositories publish into what `evaluate_clips.py` and `framewitness evaluate` read.

    for name in polimi-ispl/icpr2020dfdc erprogs/CViT aaronchong888/DeepFake-Detect DariusAf/MesoNet; do
        git clone --depth 1 https://github.com/$name CLONES/$(basename $name)
    done
    python scripts/train/published_samples.py --clones CLONES --out SAMPLES
    python scripts/train/evaluate_clips.py --models models --clips SAMPLES/clips
    python scripts/train/evaluate_clips.py --models models --clips SAMPLES/crops

Evaluation only: never to train or choose on, never committed, never shown. Labels are the publishers': of clips by name, of face
crops by the folder they lie in; a crop whose content came before is left out. The clips are those of the model card: what else the
repositories hold has no stated label, or was absent from the copies that we measured on. A clone may be bare. A clip that a clone lacks
is named, and the rest goes on.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path, PurePosixPath

POLIMI, CVIT, DETECT, MESONET = "icpr2020dfdc", "CViT", "DeepFake-Detect", "MesoNet"
FFPP = "test/data/ffpp/{}/c23/videos/{}.mp4"
CLIPS = {
    POLIMI: {
        "fake": [FFPP.format(f"manipulated_sequences/{method}", name) for method, name in (
            ("Deepfakes", "519_515"), ("Face2Face", "750_743"), ("FaceSwap", "634_660"), ("NeuralTextures", "004_982"))]
        + ["test/data/dfdc/dfdc_train_part_0/brtujopkby.mp4", "test/data/dfdc/dfdc_train_part_10/widuwuoiur.mp4",
           "test/data/dfdc/dfdc_train_part_10/yhffcuhhjy.mp4"],
        "real": [FFPP.format("original_sequences/youtube", name) for name in ("004", "519", "634")] + ["notebook/samples/lynaeydofd.mp4"],
    },
    CVIT: {"fake": ["sample__prediction_data/0017_fake.mp4.mp4", "sample__prediction_data/0048_fake.mp4.mp4"], "real": []},
    DETECT: {"fake": ["train_sample_videos/abofeumbvv.mp4", "train_sample_videos/abqwwspghj.mp4"], "real": []},
}
CROPS = (CVIT, DETECT, MESONET)
FOLDERS = {"real": "real", "fake": "fake", "df": "fake"}
PICTURES = (".jpg", ".png")


def git(clone: Path, *what: str) -> bytes:
    return subprocess.run(["git", "-C", clone, *what], check=True, capture_output=True).stdout


def put(clone: Path, blob: str, path: Path) -> bool:
    """Whether the clone has the content."""
    try:
        content = git(clone, "cat-file", "blob", blob)
    except subprocess.CalledProcessError:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def take_clips(clone: Path, out: Path) -> None:
    for label, paths in CLIPS.get(clone.name, {}).items():
        for path in paths:
            if not put(clone, f"HEAD:{path}", out / label / f"{clone.name}-{PurePosixPath(path).name}"):
                print(f"{clone} lacks {path}")


def take_crops(clone: Path, out: Path, taken: set[str]) -> None:
    for line in git(clone, "ls-tree", "-r", "-z", "HEAD").decode().split("\0")[:-1]:
        about, path = line.split("\t")
        blob, place = about.split()[2], PurePosixPath(path)
        label = FOLDERS.get(place.parent.name)
        if label and place.suffix in PICTURES and blob not in taken:
            taken.add(blob)
            put(clone, blob, out / label / f"{clone.name}-{place.name}")


def sort(clones: Path, out: Path) -> None:
    taken: set[str] = set()
    for name in (POLIMI, CVIT, DETECT, MESONET):
        take_clips(clones / name, out / "clips")
        if name in CROPS:
            take_crops(clones / name, out / "crops", taken)
    for kind in ("clips", "crops"):
        counts = {label: len(list((out / kind / label).glob("*"))) for label in ("fake", "real")}
        print(f"{out / kind}: {counts['fake']} forged, {counts['real']} genuine")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    sort(chosen.clones, chosen.out)
