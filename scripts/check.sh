#!/usr/bin/env bash
# The quick look while working: formatting, lints of the crate, and the tests of what is named.
#
#   scripts/check.sh                          the tests of what differs from the last commit
#   scripts/check.sh inference::engine        the unit tests of a module
#   scripts/check.sh keys tls                 the files tests/service/keys.rs and tests/service/tls.rs
#   scripts/check.sh src/store/s3.rs          a source file stands for its module
#
# Everything, as before a landing: scripts/test.sh.
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

modules=()
files=()

main() {
    [ -f .cargo/config.toml ] || die "this clone is not set up: run scripts/setup.sh --test once"
    if [ $# -eq 0 ]; then
        local changed
        mapfile -t changed < <(changed_sources)
        set -- "${changed[@]}"
    fi
    local name
    for name in "$@"; do
        place "$name"
    done
    step "Checking the formatting"
    cargo fmt --all --check
    step "Running clippy"
    cargo clippy --locked --workspace --all-targets -- -D warnings
    if [ ${#modules[@]} -gt 0 ]; then
        step "Testing ${modules[*]}"
        local tested
        tested=$(tested "${modules[@]}")
        mapfile -t modules <<<"$tested"
        cargo test --locked --lib -- "${modules[@]}"
    fi
    if [ ${#files[@]} -gt 0 ]; then
        step "Testing the service: ${files[*]}"
        cargo test --locked --test service -- "${files[@]}"
    fi
    step "Passed"
}

# Rust files that differ from the last commit, new ones too.
changed_sources() {
    { git diff --name-only --diff-filter=d HEAD && git ls-files --others --exclude-standard; } |
        grep -E '^(src|tests/service)/.*\.rs$' || true
}

# place NAME: puts a file, a module or a name of tests/service where its tests are run.
place() {
    local name=$1
    case "$name" in
    tests/service/main.rs) return ;;
    tests/service/*) name=${name#tests/service/} && name=${name%.rs} && name=${name%%/*} ;;
    src/*)
        name=${name#src/} && name=${name%.rs} && name=${name%/mod} && name=${name%_tests}
        # The crate's root and its program hold no tests.
        [ "$name" != lib ] && [ "$name" != main ] || return 0
        modules+=("${name//\//::}::")
        return
        ;;
    esac
    if [ -e "tests/service/$name.rs" ] || [ -d "tests/service/$name" ]; then
        files+=("$name::")
    elif [ -e "src/${name//:://}.rs" ] || [ -d "src/${name//:://}" ]; then
        modules+=("$name::")
    else
        die "$name is neither a module of src/ nor a file of tests/service/"
    fi
}

# tested MODULE::...: the modules that hold tests; for one that holds none, the nearest above that does.
tested() {
    local tests module
    tests=$(cargo test --quiet --locked --lib -- --list --format terse) || die "the tests do not build"
    for module in "$@"; do
        while ! grep -q "^$module" <<<"$tests"; do
            [[ "$module" == *::*:: ]] || die "no unit test anywhere around $module; name a file of tests/service/"
            module=${module%::} && module="${module%::*}::"
        done
        echo "$module"
    done
}

main "$@"
