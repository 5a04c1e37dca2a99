#!/usr/bin/env bash
# The frame model on a lent GPU, where nothing can be fetched, one call lasts ten minutes and carries 64 MiB with the checkout.
#
#   scripts/train/gpu.sh pack            here, after faces.py, autoencoder.py, redrawing.py, foundation.py --fetch,
#                                        super_resolution.py --fetch: .gpu/1 … .gpu/N, each small enough for one call
#   scripts/train/gpu.sh keep            there, after part N was carried: move it out of the working tree
#   scripts/train/gpu.sh draw MINUTES    there, after the faces: generators learn and draw, in the background
#   scripts/train/gpu.sh train MINUTES   there, after the last part: all variants of configs/gpu.toml, in the background
#   scripts/train/gpu.sh collect SECONDS there: wait so long, or until all is done; results so far into $OUT
#
# One session of 28 minutes. A machine that waits 30 seconds for the next call is gone with all that is on it, and perhaps for the
# day: think before the first call, not between two, and end every call with `collect`, so that no more is lost than one. `git sparse-checkout set scripts/train`
# beforehand: the checkout travels with every call.
#   run("bash scripts/train/gpu.sh keep", carry=[".gpu/1"])
#   run("bash scripts/train/gpu.sh keep && bash scripts/train/gpu.sh draw 2.5", carry=[".gpu/2"])
#   run("bash scripts/train/gpu.sh keep", carry=[".gpu/3"])
#   run("bash scripts/train/gpu.sh keep && bash scripts/train/gpu.sh train 19 && bash scripts/train/gpu.sh collect 300", carry=[".gpu/4"])
#   run("bash scripts/train/gpu.sh collect 560"), as often as there is time
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly HOME_THERE=${FRAMEWITNESS_GPU:-/tmp/framewitness-gpu}
readonly CACHE=$HOME_THERE/cache
readonly CANVAS_PX=256
readonly PYTHON=${PYTHON:-python3}
export PYTHONUNBUFFERED=1

keep() {
    mkdir -p "$HOME_THERE/parts"
    find .gpu -type f -exec mv -t "$HOME_THERE/parts" {} +
    du -sh "$HOME_THERE/parts"
}

draw() {
    "$PYTHON" scripts/train/gpu_pack.py --unpack-faces "$HOME_THERE/parts" --cache "$CACHE" --canvas-px "$CANVAS_PX"
    # A copy: the checkout is replaced by the next call.
    cp -r scripts/train "$HOME_THERE/scripts-train"
    setsid "$PYTHON" "$HOME_THERE/scripts-train/generators.py" --cache "$CACHE" --minutes "$@" >"$HOME_THERE/draw.log" 2>&1 </dev/null &
}

train() {
    mkdir -p "$HOME_THERE/foundations"
    mv "$HOME_THERE"/parts/*.f16.safetensors "$HOME_THERE/foundations/"
    "$PYTHON" scripts/train/gpu_pack.py --unpack-tools "$HOME_THERE/parts" --cache "$CACHE"
    until [ -f "$CACHE/bank.npy" ]; do
        pgrep -f generators.py >/dev/null || { cat "$HOME_THERE/draw.log" && exit 1; }
        sleep 1
    done
    tail -n 2 "$HOME_THERE/draw.log"
    PATH="$CACHE/bin:$PATH" setsid "$PYTHON" "$HOME_THERE/scripts-train/train_gpu.py" --folder "$HOME_THERE/runs" --cache "$CACHE" \
        --foundations "$HOME_THERE/foundations" --minutes "$@" >"$HOME_THERE/train.log" 2>&1 </dev/null &
}

collect() {
    local -r end=$((SECONDS + $1))
    while [ $SECONDS -lt "$end" ] && [ ! -f "$HOME_THERE/runs/results/done" ] && pgrep -f train_gpu.py >/dev/null; do sleep 2; done
    tail -n 40 "$HOME_THERE/train.log"
    nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv || true
    cp "$CACHE/bank.jpg" "$OUT/" || true
    # Eight files come back at most, these figures in one, the weights and states of three variants, and the picture.
    cat "$HOME_THERE"/runs/results/*.json >"$OUT/figures.json" || true
    cp "$HOME_THERE"/runs/results/*.safetensors "$OUT/" || true
}

case "${1:-}" in
pack) "$PYTHON" scripts/train/gpu_pack.py --canvas-px "$CANVAS_PX" ;;
keep) keep ;;
draw | train | collect) "$@" ;;
*) sed -n '2,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 2 ;;
esac
