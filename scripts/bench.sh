#!/usr/bin/env bash
# Runs one benchmark beside its peers and prints its table: builds ours (release), makes a virtual environment with the
# pinned peers, and lets all take turns. Stores a file in benchmarks/results.
#
#   scripts/bench.sh sampling [--rounds 5] [--only h264-1080p]
#   scripts/bench.sh faces | inference | service | service/load | service/start | service/growth
#   scripts/bench.sh service --ours PROGRAM        # a program that is built already
#   scripts/bench.sh page [--rounds 9]         the program itself, in Chromium; no peers
#   scripts/bench.sh inner_loops               by Criterion; no peers
#
# The environment is kept in ${XDG_CACHE_HOME:-$HOME/.cache}/framewitness/bench-venv (torch alone is 3 GB).
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly VENV="$CACHE/bench-venv"

main() {
    local name=${1:-} table
    table=$(table_of "$name")
    [ -f "$table" ] || die "usage: scripts/bench.sh sampling [options]; there is no $table"
    shift
    if [ "$name" = page ]; then
        step "Building the program"
        cargo build --release --locked
        step "Taking turns"
        exec python3 "benchmarks/$name/run.py" "$@"
    fi
    local python=python3
    # It has no peers.
    if [ "$name" != inner_loops ]; then
        have ffmpeg || die "ffmpeg makes the inputs and is missing; run scripts/setup.sh --test"
        prepare_peers
        python=$VENV/bin/python
    fi
    if [[ " $* " != *" --ours"* ]]; then
        step "Building ours"
        local ours
        ours=$(build "$name")
        [ -x "$ours" ] || die "the benchmark $name was not built"
        set -- --ours "$ours" "$@"
    fi
    step "Taking turns"
    "$python" "$table" "$@"
}

# table_of NAME: the program that runs the benchmark `folder` or `folder/part`.
table_of() {
    case $1 in
        */*) echo "benchmarks/$1.py" ;;
        *) echo "benchmarks/$1/run.py" ;;
    esac
}

# build NAME: builds the benchmark's own program where it has one, the service otherwise, and tells where it is.
build() {
    local built
    if [ -f "benchmarks/$1/main.rs" ]; then
        built=$(cargo build --release --package "$(package_of "$1")" --bin "$1" --message-format=json)
    else
        built=$(cargo build --release --bin framewitness --message-format=json)
    fi
    grep '"executable":"' <<<"$built" | tail -n 1 | sed 's/.*"executable":"\([^"]*\)".*/\1/'
}

package_of() {
    case $1 in
        inner_loops) echo framewitness-inner-loops ;;
        *) echo framewitness-benchmarks ;;
    esac
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
