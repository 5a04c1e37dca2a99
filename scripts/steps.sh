# shellcheck shell=bash
# What the scripts here share: where things are kept, and how progress is told. Sourced, never run.

set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/framewitness"
readonly REPO
# shellcheck disable=SC2034 # for the scripts that source this
readonly CACHE
cd "$REPO"

# rustup may be installed by the very run that goes on to use it, in a shell that does not know its folder yet.
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

# step TEXT: a heading with the seconds since the script began.
step() { printf '\n==> [%4d s] %s\n' "$SECONDS" "$*"; }

say() { printf '    %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "needs root for: $*   (run as root, or install sudo)"
    fi
}
