#!/usr/bin/env bash
# What is shipped: the release binaries with and without their debug information, the crates behind it, and the shared libraries it loads.
# Prints them and stores benchmarks/results/size.json.
#
#   benchmarks/size.sh [PROGRAM]        # target/release/framewitness unless told
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/steps.sh"

main() {
    local program=${1:-${CARGO_TARGET_DIR:-target}/release/framewitness}
    [ -x "$program" ] || die "$program is missing; build it with: cargo build --release"
    local decode=$program-decode stripped libraries decode_stripped decode_libraries
    stripped=$(stripped_bytes "$program")
    decode_stripped=$(stripped_bytes "$decode")
    libraries=$(libraries_of "$program")
    decode_libraries=$(libraries_of "$decode")
    local result=benchmarks/results/size.json
    mkdir -p benchmarks/results
    cat >"$result" <<JSON
{
 "commit": "$(git rev-parse HEAD)",
 "taken_at": "$(date -u +%FT%TZ)",
 "binary_bytes": $(stat -c %s "$program"),
 "stripped_bytes": $stripped,
 "decode_stripped_bytes": $decode_stripped,
 "crates": $(crates normal),
 "crates_with_build_and_tests": $(crates normal,build,dev),
 "crates_in_two_versions": $(cargo tree --offline --edges normal --duplicates --depth 0 --prefix none | sed 's/ .*//' | sort -u | grep -c .),
 "shared_libraries": $(wc -l <<<"$libraries"),
 "shared_libraries_bytes": $(total <<<"$libraries"),
 "decode_shared_libraries_bytes": $(total <<<"$decode_libraries"),
 "libtorch_bytes": $(grep -E '/lib(torch|c10|gomp|cudart|cupti)[^/]*$' <<<"$libraries" | total),
 "opencv_libraries": $(grep -c '/libopencv_' <<<"$libraries"),
 "ffmpeg_libraries": $(grep -cE '/lib(avcodec|avformat|avfilter|avutil|swscale|swresample|postproc)\.' <<<"$libraries"),
 "models_bytes": $(du -bc models/*/*.onnx models/*/*.safetensors | tail -n 1 | cut -f 1),
 "tls_stacks": "$(cargo tree --offline --edges normal --prefix none | grep -oE '^(rustls|openssl|native-tls|boring) v[0-9.]+' | sort -u | paste -sd ';')",
 "http_stacks": "$(cargo tree --offline --edges normal --prefix none | grep -oE '^(actix-http|hyper|h2|ureq|reqwest) v[0-9.]+' | sort -u | paste -sd ';')",
 "image_stacks": "$(cargo tree --offline --edges normal --prefix none | grep -oE '^(image|zune-jpeg|png|jpeg-decoder|gif|image-webp) v[0-9.]+' | sort -u | paste -sd ';')"
}
JSON
    cat "$result"
}

stripped_bytes() {
    local without
    without=$(mktemp)
    strip --strip-all -o "$without" "$1"
    stat -c %s "$without"
    rm "$without"
}

# Shared libraries that the loader maps for a program.
libraries_of() {
    ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u
}

# crates KINDS: how many different crates these kinds of edges lead to, versions apart, this one not counted.
crates() {
    cargo tree --offline --edges "$1" --prefix none --no-dedupe | sed 's/ (.*//' | sort -u | grep -vc '^framewitness '
}

# total: bytes of the files named on standard input.
total() {
    xargs -r stat -L -c %s | awk '{ bytes += $1 } END { print bytes + 0 }'
}

main "$@"
