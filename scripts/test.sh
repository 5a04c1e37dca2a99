#!/usr/bin/env bash
# Sets this machine up and runs every check: formatting, lints, documentation, dependency policy, tests.
# Quick checks come first and the tests last; the first failure ends the run.
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly DENY_VERSION=0.20.2
readonly DENY_ROOT="$CACHE/tools/cargo-deny-$DENY_VERSION"

main() {
    step "Setting up"
    scripts/setup.sh --test
    step "Checking the scripts"
    shellcheck -x scripts/*.sh .ci/run
    step "Checking the formatting"
    cargo fmt --check
    step "Checking dependencies: licences, bans, sources, advisories"
    check_dependencies
    step "Running clippy"
    cargo clippy --locked --all-targets -- -D warnings
    step "Building the documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
    step "Running the examples in the documentation"
    cargo test --locked --doc
    step "Running the exchanges of earlier services on PostgreSQL and S3"
    FRAMEWITNESS_TEST_BACKEND=postgres-s3 run_tests compat_
    step "Running the tests"
    run_tests
    step "Everything passed"
}

check_dependencies() {
    local deny=(cargo deny)
    if ! cargo deny --version >/dev/null 2>&1; then
        if [ ! -x "$DENY_ROOT/bin/cargo-deny" ]; then
            say "building cargo-deny $DENY_VERSION once, into $DENY_ROOT (some minutes)"
            cargo install --quiet --locked "cargo-deny@$DENY_VERSION" --root "$DENY_ROOT"
        fi
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

# run_tests [NAME]: all tests, or those of the service whose names hold NAME.
run_tests() {
    local which=(--lib --bins --tests)
    [ $# -eq 0 ] || which=(--test service)
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked "${which[@]}" "$@"
    else
        cargo test --locked "${which[@]}" -- "$@"
    fi
}

main "$@"
