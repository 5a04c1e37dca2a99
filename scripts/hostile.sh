#!/usr/bin/env bash
# Everything hostile in one run, as long as a release deserves: the attack corpus, a kill at each step and at random
# moments, a soak, a disk that fills up, and a load of four times what the service has places for (scripts/test.sh
# runs the shortest form of each that can still fail). Prints one table: inputs tried, statuses, worst time, peak memory,
# survivors, losses. Fails where anything was lost.
#
#   scripts/hostile.sh                        a load of half a minute
#   LOAD_SECONDS=600 scripts/hostile.sh       a load of ten minutes
#   ATTACK_CORPUS_DIR=DIR scripts/hostile.sh  also every file under DIR
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

export LOAD_SECONDS=${LOAD_SECONDS:-30}
# The tests are shorter by themselves.
export HOSTILE=long
WORK=$(mktemp -d)
readonly WORK
trap 'rm -rf "$WORK"' EXIT
lost=0

main() {
    step "Attacks made on the spot"
    run attack_corpus::every_attack
    if [ -n "${ATTACK_CORPUS_DIR:-}" ]; then
        step "Files under $ATTACK_CORPUS_DIR"
        run attack_corpus::every_file_of_a_folder
    fi
    step "Kills"
    run killed::
    step "A soak, a full disk, a file of gigabytes"
    run soak::
    run disk::
    run signing_attacks::a_large_file
    step "A load of $LOAD_SECONDS s"
    run load::
    step "The table"
    grep -h '^|' "$WORK"/*.log
    [ "$lost" -eq 0 ] || die "something was lost; the tests above say what"
    say "nothing was lost"
}

# run NAME: the tests of the service whose names begin with NAME, one at a time, shown as they go.
run() {
    local log="$WORK/${1//:/-}.log"
    # Ignored are only the tests that need a folder, which is named by then.
    local also=()
    [ "$1" != attack_corpus::every_file_of_a_folder ] || also=(--include-ignored)
    cargo test --locked --test service -- "$1" --nocapture --test-threads 1 "${also[@]}" | tee "$log" || lost=1
}

main "$@"
