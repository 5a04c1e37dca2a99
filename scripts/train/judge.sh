#!/usr/bin/env bash
# Every table of the model cards, for the frame model at the end of a fall (`train_frame.py --decay-steps`).
#
#   scripts/train/judge.sh choose OUT              export it into OUT, a copy of models/, and score the validation videos: choose by these
#   scripts/train/judge.sh measure OUT [SAMPLES]   calibrate on them, then measure all the rest, the test videos once: OUT/tables/*.md
#
# Before `choose` give configs/frame-dino-s.toml its new version. SAMPLES is what published_samples.py sorted. What is shipped are
# OUT/bundle.toml and OUT/frame-dino-s, and both manifests (then `parity.py --only shipped`); cards and README get the tables by hand, the
# old figures beside the new ones. Folders are named from the root of the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly PYTHON=${PYTHON:-$HOME/.cache/framewitness/train-venv/bin/python}
readonly CONFIG=scripts/train/configs/frame-dino-s.toml
readonly STRANGERS=../shared/data/eval/utkface

step() {
    local -r name=$1
    shift
    echo "== $name: $(date +%H:%M)" >&2
    "$PYTHON" "scripts/train/$1" "${@:2}"
}

choose() {
    [ ! -e "$OUT" ] || { echo "$OUT is there; name a new folder" >&2 && exit 2; }
    cp -r models "$OUT"
    mkdir "$OUT/tables"
    step export export.py --config "$CONFIG" --models "$OUT"
    step "videos to score" clip_pool.py --config scripts/train/configs/pool.toml --videos validation
    step validation evaluate.py --models "$OUT" --videos validation --threads 2 --report "$OUT/tables/validation-before-calibration.md"
    sed -n 1,5p "$OUT/tables/validation-before-calibration.md"
}

measure() {
    step strangers evaluate.py --models "$OUT" --groups "$STRANGERS" --threads 2 >/dev/null
    step calibrate calibrate.py --models "$OUT" >"$OUT/tables/validation.md"
    step groups evaluate.py --models "$OUT" --groups "$STRANGERS" --stored --report "$OUT/tables/groups.md"
    for kind in clips crops; do
        [ -z "$SAMPLES" ] || step "$kind" evaluate_clips.py --models "$OUT" --clips "$SAMPLES/$kind" --report "$OUT/tables/$kind.md"
    done
    [ -e "$HOME/.cache/framewitness/train/swap_autoencoder.pt" ] || step "a forger of the test" swap_autoencoder.py
    step "videos to score" clip_pool.py --config scripts/train/configs/pool.toml --videos test
    step test evaluate.py --models "$OUT" --videos test --threads 2 --report "$OUT/tables/test.md"
    step coverage coverage.py --models "$OUT" --report "$OUT/tables/coverage.md" --plot "$OUT/coverage.png"
    step frames frames_per_video.py --models "$OUT" --videos validation --stored --report "$OUT/tables/frames.md"
    step pointing pointing.py --models "$OUT" --report "$OUT/tables/pointing.md"
}

[ $# -ge 2 ] || set -- usage
readonly WHAT=$1 OUT=${2:-} SAMPLES=${3:-}
case "$WHAT" in
choose | measure) "$WHAT" ;;
*) sed -n '2,9s/^# \{0,1\}//p' "scripts/train/judge.sh" >&2 && exit 2 ;;
esac
