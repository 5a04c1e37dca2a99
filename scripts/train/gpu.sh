#!/usr/bin/env bash
# The frame model on a lent GPU, where nothing can be fetched and one call lasts ten minutes.
#
#   scripts/train/gpu.sh pack            here, after faces.py (both canvases), autoencoder.py, redrawing.py, foundation.py --fetch:
#                                        .gpu/1 … .gpu/N in the repository root, each small enough for one call
#   scripts/train/gpu.sh keep            there, after part N was carried: move it out of the working tree
#   scripts/train/gpu.sh train MINUTES   there, after the last part: go on with all variants of configs/gpu.toml
#   scripts/train/gpu.sh last MINUTES    there: the same, and the rates fall to zero
#
# One session of about 25 minutes, calls right after each other so that the machine stays (25 = 3 x 8 of training):
#   run(command="bash scripts/train/gpu.sh keep", carry=[".gpu/1"]), and so on for every part but the last
#   run(command="bash scripts/train/gpu.sh keep && bash scripts/train/gpu.sh train 7", carry=[".gpu/N"], timeout_s=600)
#   run(command="bash scripts/train/gpu.sh train 8", timeout_s=600)
#   run(command="bash scripts/train/gpu.sh last 8", timeout_s=600)
# Results come back in $OUT: states, curves, and large differences in pieces (cat NAME.half.* > NAME.safetensors).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly HOME_THERE=${FRAMEWITNESS_GPU:-/tmp/framewitness-gpu}
readonly CANVAS_PX=384
readonly PYTHON=${PYTHON:-python3}

keep() {
    mkdir -p "$HOME_THERE/parts"
    find .gpu -type f -exec mv -t "$HOME_THERE/parts" {} +
    ls -la "$HOME_THERE/parts"
}

unpack() {
    [ ! -f "$HOME_THERE/cache/canvases-$CANVAS_PX.npy" ] || return 0
    mkdir -p "$HOME_THERE/foundations"
    mv "$HOME_THERE"/parts/*.f16.safetensors "$HOME_THERE/foundations/"
    "$PYTHON" scripts/train/gpu_pack.py --unpack "$HOME_THERE/parts" --cache "$HOME_THERE/cache" --canvas-px "$CANVAS_PX"
}

train() {
    unpack
    export PATH="$HOME_THERE/cache/bin:$PATH" PYTHONUNBUFFERED=1
    rm -rf "$HOME_THERE/runs/results"
    "$PYTHON" scripts/train/train_gpu.py --folder "$HOME_THERE/runs" --cache "$HOME_THERE/cache" \
        --foundations "$HOME_THERE/foundations" --minutes "$@"
    cp "$HOME_THERE"/runs/results/* "${OUT:-$HOME_THERE}/"
}

case "${1:-}" in
pack) "$PYTHON" scripts/train/gpu_pack.py --canvas-px 448 ;;
keep) keep ;;
train) shift && train "$@" ;;
last) shift && train "$@" --last ;;
*) sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 2 ;;
esac
