#!/usr/bin/env bash
# Sets this machine up, builds Framewitness and serves it on http://127.0.0.1:8080 (or FRAMEWITNESS_BIND).
# Arguments go to `framewitness serve`. Safe to repeat; when nothing changed it serves within seconds.
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

step "Setting up"
scripts/setup.sh
step "Building (the first time takes some minutes)"
cargo build --release --locked
step "Serving; the address follows, Ctrl-C ends it"
exec "${CARGO_TARGET_DIR:-target}/release/framewitness" serve "$@"
