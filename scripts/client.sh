#!/usr/bin/env bash
# Generates the Python client's typed routes from openapi.json, checks its types, and builds its wheel into
# target/client. Its tests are run by `cargo test --test service python_client`, against a real server.
#
#   scripts/client.sh
#
# The tools lie in ${XDG_CACHE_HOME:-$HOME/.cache}/framewitness/client-venv, where the finished wheel is installed, too.
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly CLIENT=clients/python
readonly GENERATED="$CLIENT/src/framewitness/api_of_the_service"
readonly VENV="$CACHE/client-venv"
readonly WHEELS=target/client

main() {
    prepare_tools
    step "Generating the client's routes from openapi.json"
    generate
    step "Building the client's wheel"
    rm -rf "$WHEELS"
    "$VENV/bin/python" -m build --wheel --no-isolation --outdir "$WHEELS" "$CLIENT" >/dev/null
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$WHEELS"/*.whl
    step "Checking the client's types"
    (cd "$WHEELS" && "$VENV/bin/mypy" --strict --package framewitness)
    say "built $(echo "$WHEELS"/*.whl)"
}

prepare_tools() {
    local stamp="$VENV/requirements.txt"
    cmp -s "$CLIENT/requirements.txt" "$stamp" && return 0
    step "Installing the client's tools into $VENV"
    have python3 || die "python3 is missing; run scripts/setup.sh --test"
    rm -rf "$VENV"
    python3 -m venv "$VENV" || die "python3 cannot make a virtual environment; run scripts/setup.sh --test"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement "$CLIENT/requirements.txt"
    cp "$CLIENT/requirements.txt" "$stamp"
}

# The generator finds its formatter on the path, and says much about routes that it passes over.
generate() {
    local said
    rm -rf "$GENERATED"
    said=$(PATH="$VENV/bin:$PATH" "$VENV/bin/openapi-python-client" generate --path openapi.json --meta none \
        --output-path "$GENERATED" --config "$CLIENT/generator.yaml" --fail-on-warning 2>&1) || {
        echo "$said" >&2
        die "the client cannot be generated from openapi.json"
    }
    touch "$GENERATED/py.typed"
}

main "$@"
