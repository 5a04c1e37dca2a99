#!/usr/bin/env bash
# Sends every attack of tests/service/attack_corpus to a running service and prints the table: inputs tried,
# statuses, worst time, peak memory, survivors, losses. Fails where anything was lost.
#
#   scripts/attack_corpus.sh                                        the attacks that are made on the spot
#   ATTACK_FLIPS=100 scripts/attack_corpus.sh          with more bit-flipped copies of each file
#   ATTACK_CORPUS_DIR=DIR scripts/attack_corpus.sh          also every file under DIR
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

attack() { cargo test --locked --test service -- --exact "attack_corpus::$1" --nocapture --include-ignored; }

step "Attacks made on the spot"
attack every_attack_gets_its_documented_status_and_leaves_nothing_behind
if [ -n "${ATTACK_CORPUS_DIR:-}" ]; then
    step "Files under $ATTACK_CORPUS_DIR"
    attack every_file_of_a_folder_gets_a_documented_status_and_leaves_nothing_behind
fi
