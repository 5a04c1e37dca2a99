#!/usr/bin/env bash
# Holds the running service to its own OpenAPI document: schemathesis makes requests from it and looks for server
# errors, undocumented statuses, headers and content types, and answers that break their schemas. Run twice: open,
# and with keys required. Builds the program where needed; everything it starts ends with it.
#
#   scripts/check_api.sh [EXAMPLES]     requests an operation in each phase (default 20)
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly SCHEMATHESIS_VERSION=4.32.5
readonly TOOL="$CACHE/tools/schemathesis-$SCHEMATHESIS_VERSION"
readonly EXAMPLES=${1:-20}
# "Valid data should have been accepted" is left out: OpenAPI has no words for "a file that is a video", so a
# valid form with random bytes is rightly refused.
readonly LEFT_OUT=positive_data_acceptance
# Nor is this asked: after it every analysis is rightly a 503, which the tool counts as a failure.
readonly NOT_ASKED=/api/model/unload
WORK=$(mktemp -d)
readonly WORK
server=

main() {
    install_schemathesis
    step "Building"
    cargo build --locked
    check open
    check with-keys
    step "The API keeps to its document"
}

install_schemathesis() {
    [ ! -x "$TOOL/bin/schemathesis" ] || return 0
    step "Installing schemathesis $SCHEMATHESIS_VERSION into $TOOL"
    rm -rf "$TOOL"
    python3 -m venv "$TOOL"
    "$TOOL/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"
}

# check NAME: one run against a server of its own.
check() {
    local name=$1 key=none
    export FRAMEWITNESS_DATA_DIR="$WORK/$name"
    # The check asks much more than one client should.
    export FRAMEWITNESS_KEY_REQUESTS_PER_MINUTE=0 FRAMEWITNESS_ADDRESS_REQUESTS_PER_MINUTE=0
    if [ "$name" = with-keys ]; then
        key=$("${CARGO_TARGET_DIR:-target}/debug/framewitness" keys create check --scope admin 2>"$WORK/keys.log")
    fi
    step "Serving ($name)"
    "${CARGO_TARGET_DIR:-target}/debug/framewitness" serve --bind 127.0.0.1:0 2>"$WORK/$name.log" &
    server=$!
    local url
    url=$(address "$WORK/$name.log")
    step "Asking whatever the document allows ($name)"
    write_known_names "$url" "$key" >"$WORK/schemathesis.toml"
    "$TOOL/bin/schemathesis" --config-file "$WORK/schemathesis.toml" run "$url/openapi.json" \
        --header "X-API-Key: $key" --exclude-checks "$LEFT_OUT" --max-examples "$EXAMPLES" --seed 1 \
        --request-timeout 60 --exclude-path "$NOT_ASKED"
    kill "$server"
    wait "$server" || true
    server=
}

# The address that the log names, once it does.
address() {
    local attempt
    for attempt in $(seq 600); do
        if grep -qm1 'serving on ' "$1"; then
            sed -n 's/.*serving on \(http[^ ]*\).*/\1/p' "$1" | head -n 1
            return
        fi
        kill -0 "$server" 2>/dev/null || die "the server ended at its start: $(cat "$1")"
        sleep 0.1
    done
    die "no address after $((attempt / 10)) s: $(cat "$1")"
}

# Names of things that are there, or most questions would only ever meet 404.
write_known_names() {
    local url=$1 key=$2
    curl -sf -H "X-API-Key: $key" -F file=@videos/genuine.mp4 "$url/predict" -o "$WORK/analysis.json" ||
        die "the demo clip gets no analysis"
    python3 - "$WORK/analysis.json" <<'PYTHON'
import json, sys
analysis = json.load(open(sys.argv[1]))
print(f'''
[parameters]
"path.id" = "{analysis["id"]}"

[[operations]]
include-path = "/static/artifacts/{{id}}/{{name}}"
parameters = {{ "path.name" = "frame-000.jpg" }}

[[operations]]
include-path = "/static/{{name}}"
parameters = {{ "path.name" = "style.css" }}

# In a form a number is a text of digits, and a text that is no signature is rightly answered "not valid".
[[operations]]
include-path = "/integrity/verify"
checks.negative_data_rejection.enabled = false

# A part that holds text where a file belongs is a file of one text, which fails in its own place.
[[operations]]
include-path-regex = "batch"
checks.negative_data_rejection.enabled = false
''')
PYTHON
}

end() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$WORK"
}
trap end EXIT

main
