#!/usr/bin/env bash
# Runs each fuzz target of fuzz/ for a while and prints the table: target, executions, inputs that reach something
# new, findings. Fails where there is a finding; its input is then under fuzz/artifacts/TARGET. The inputs of
# fuzz/corpus, which every test run replays, are the start; new ones gather in fuzz/found.
#
#   scripts/fuzz.sh [SECONDS [TARGET…]]     each target (or those named) for so long (default 60)
#   scripts/fuzz.sh --keep [TARGET…]        adds to fuzz/corpus what fuzz/found holds and reaches more, small inputs only
#   scripts/fuzz.sh --seeds                 writes the first inputs into fuzz/corpus
#
# Needs a nightly Rust and cargo-fuzz: rustup toolchain install nightly; cargo install --locked cargo-fuzz
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly TARGETS=(checkpoint image multipart protocol signature statement video)
readonly TRIPLE=x86_64-unknown-linux-gnu
readonly BUILT=fuzz/target/$TRIPLE/release
# Larger inputs reach nothing more, only later.
readonly MAX_INPUT_BYTES=16384
readonly MAX_KEPT_BYTES=512
# What one allocation and all of them may take; a reader that believes a size in its input fails here.
readonly LIMITS=(-malloc_limit_mb=256 -rss_limit_mb=3072 -timeout=30)
WORK=$(mktemp -d)
readonly WORK
trap 'rm -rf "$WORK"' EXIT

# FFmpeg, OpenCV and libtorch are not instrumented and keep what they have until the end.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1}"

main() {
    case "${1:-}" in
    --seeds) write_seeds ;;
    --keep) shift && build && keep "$@" ;;
    *) build && run "$@" ;;
    esac
}

write_seeds() {
    cargo test --locked --lib -- --ignored --exact fuzzing::seeds::write_the_first_inputs
}

build() {
    cargo +nightly fuzz --version >/dev/null 2>&1 ||
        die "cargo-fuzz or the nightly Rust is missing: rustup toolchain install nightly; cargo install --locked cargo-fuzz"
    step "Building the fuzz targets (the first time takes half an hour)"
    cargo +nightly fuzz build --target-dir fuzz/target
    # The run path of the program's build script reaches no program of another package.
    LD_LIBRARY_PATH="$(folder_of LIBTORCH)/lib:$(folder_of ONNXRUNTIME)/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export LD_LIBRARY_PATH
}

# folder_of VARIABLE: as scripts/setup.sh wrote it for Cargo.
folder_of() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" .cargo/config.toml; }

run() {
    local seconds=${1:-60} target rows=() findings=0
    shift || true
    [[ $seconds =~ ^[0-9]+$ ]] || die "$seconds is not a number of seconds"
    local targets=("$@")
    [ $# -gt 0 ] || targets=("${TARGETS[@]}")
    for target in "${targets[@]}"; do
        step "Fuzzing $target for $seconds s"
        rows+=("$(fuzz "$target" "$seconds")")
        findings=$((findings + ${rows[-1]##* }))
    done
    step "Results"
    {
        echo "target seconds executions inputs findings"
        printf '%s\n' "${rows[@]}"
    } | column -t
    [ "$findings" = 0 ] || die "$findings findings: their inputs are in fuzz/artifacts, their words above"
}

# fuzz TARGET SECONDS: one row of the table. Goes on after a finding, in what is left of the time.
fuzz() {
    local target=$1 seconds=$2 log="$WORK/$1.log" findings=0 executions=0 started=$SECONDS left
    mkdir -p "fuzz/found/$target" "fuzz/artifacts/$target"
    while left=$((seconds - (SECONDS - started))) && [ "$left" -gt 0 ]; do
        if "$BUILT/$target" "fuzz/found/$target" "fuzz/corpus/$target" -max_total_time="$left" \
            -max_len="$MAX_INPUT_BYTES" "${LIMITS[@]}" -artifact_prefix="fuzz/artifacts/$target/" \
            -print_final_stats=1 >"$log" 2>&1; then
            executions=$((executions + $(executed "$log")))
            break
        fi
        executions=$((executions + $(executed "$log")))
        findings=$((findings + 1))
        tail -n 40 "$log" >&2
        [ "$findings" -lt 10 ] || break
    done
    local inputs
    inputs=$(find "fuzz/found/$target" "fuzz/corpus/$target" -type f | wc -l)
    echo "$target $((SECONDS - started)) $executions $inputs $findings"
}

executed() {
    sed -n 's/^stat::number_of_executed_units: *//p' "$1" | tail -n 1 | grep . || echo 0
}

keep() {
    local target targets=("$@")
    [ $# -gt 0 ] || targets=("${TARGETS[@]}")
    for target in "${targets[@]}"; do
        step "Keeping what $target found"
        mkdir -p "$WORK/small/$target" "fuzz/found/$target"
        find "fuzz/found/$target" -type f -size "-${MAX_KEPT_BYTES}c" -exec cp {} "$WORK/small/$target" \;
        "$BUILT/$target" -merge=1 "${LIMITS[@]}" "fuzz/corpus/$target" "$WORK/small/$target" 2>&1 | tail -n 1
    done
}

main "$@"
