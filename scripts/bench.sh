#!/usr/bin/env bash
# Runs one benchmark beside its peers and prints its table: builds ours (release), makes a virtual environment with the
# pinned peers, and lets all take turns. Stores benchmarks/results/NAME.json.
#
#   scripts/bench.sh sampling [--rounds 5] [--only h264-1080p]
#   scripts/bench.sh page [--rounds 9]         the program itself, in Chromium; no peers
#
# The environment is kept in ${XDG_CACHE_HOME:-$HOME/.cache}/framewitness/bench-venv (torch alone is 3 GB).
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly VENV="$CACHE/bench-venv"

main() {
    local name=${1:-}
    [ -f "benchmarks/$name/run.py" ] || die "usage: scripts/bench.sh sampling [options]; there is no benchmarks/$name/run.py"
    shift
    if [ ! -f "benchmarks/$name/main.rs" ]; then
        step "Building the program"
        cargo build --release --locked
        step "Taking turns"
        exec python3 "benchmarks/$name/run.py" "$@"
    fi
    have ffmpeg || die "ffmpeg makes the inputs and is missing; run scripts/setup.sh --test"
    prepare_peers
    step "Building ours"
    local ours
    ours=$(cargo bench --bench "$name" --no-run --message-format=json | grep '"executable":"' | tail -n 1 |
        sed 's/.*"executable":"\([^"]*\)".*/\1/')
    [ -x "$ours" ] || die "the benchmark $name was not built"
    step "Taking turns"
    "$VENV/bin/python" "benchmarks/$name/run.py" --ours "$ours" "$@"
}

prepare_peers() {
    local stamp="$VENV/requirements.txt"
    cmp -s benchmarks/requirements.txt "$stamp" && return 0
    step "Installing the peers into $VENV"
    have python3 || die "python3 is missing; the peers are Python packages"
    [ -x "$VENV/bin/pip" ] || python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
    cp benchmarks/requirements.txt "$stamp"
}

main "$@"
