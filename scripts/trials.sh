#!/usr/bin/env bash
# Sends inputs that once went wrong to a running service and prints what was sent, the status, the verdict and what is right.
#
#   scripts/trials.sh [FOLDER [URL]]      ../shared/data/trials, http://127.0.0.1:8080
#
# The folder's README.md says how each file was made. Exits 1 when an answer is not the right one.
set -euo pipefail

folder=${1:-../shared/data/trials}
url=${2:-http://127.0.0.1:8080}
wrong=0

# What is right: FILE|STATUS|WHAT THE ANSWER HOLDS|IN WORDS. It holds what matches an extended regular expression, or with
# =OTHER a probability within .1 of that of the file OTHER.
readonly RIGHT='
v12_T_smpte2084_203.mov|200|"probability_fake":0\.[012]|as the SDR clip, within .1
v12_T_arib-std-b67_203.mov|200|"probability_fake":0\.[012]|as the SDR clip, within .1
v12_T_smpte2084_203_control.mp4|200|"probability_fake":0\.[012]|stays
i07_p10.jpg|200|"verdict":"INCONCLUSIVE".*broken-tail|a note, no verdict
i07_t35.jpg|200|"verdict":"INCONCLUSIVE".*broken-tail|a note, no verdict
i07_png60.png|422|cut off|says that it is cut off
i07_xt.webp|422|cut off|says that it is cut off
i01_photo.heic|200|=i00_refG.jpg|as the JPEG of the same frame, within .1
i02_photo.avif|200|=i00_refG.jpg|as the JPEG of the same frame, within .1
i03_anim.webp|200|"kind":"video"|a short video
v10_start3600.mkv|200|"duration":"[12]\.|2 s
v10_jump_fwd.ts|200|"duration":"[12]\.|2 s
v07_240long.mp4|200|"verdict":|analysed
v09_two_programs.ts|200|"probability_fake":0.*other-video-streams|the one with a face, and that there is another
v20_three.mp4|200|"verdict":|analysed
i00_refG.jpg|200|"verdict":|analysed'

main() {
    [ -d "$folder" ] || { echo "no folder $folder; usage: scripts/trials.sh [FOLDER [URL]]" >&2 && exit 2; }
    printf '%-34s %-7s %-14s %-12s %-6s %s\n' sent status verdict 'P(fake)' right expected
    local line
    while IFS= read -r line; do
        [ -z "$line" ] || try "$line"
    done <<<"$RIGHT"
    try_the_request 'a name in latin-1 bytes' 200 -F "file=@$folder/i00_refG.jpg;filename=$(printf 'Gr\xfc\xdfe.jpg')"
    try_the_request 'a name in GB2312 bytes' 200 -F "file=@$folder/i00_refG.jpg;filename=$(printf '\xd5\xd5\xc6\xac.jpg')"
    try_the_request 'a part in base64' 415 -F "file=@$folder/i00_refG.jpg;encoder=base64"
    try_the_request 'a body in gzip' 415 -H 'Content-Encoding: gzip' -F "file=@$folder/i00_refG.jpg"
    exit "$wrong"
}

# try FILE|STATUS|HOLDS|WORDS
try() {
    local file status holds words answer got
    IFS='|' read -r file status holds words <<<"$1"
    answer=$(send "$file")
    got=${answer##*$'\n'}
    local is_right=no
    if [ "$got" = "$status" ] && holds "$holds" "$answer"; then is_right=yes; else wrong=1; fi
    printf '%-34s %-7s %-14s %-12s %-6s %s\n' "$file" "$got" "$(field verdict "$answer")" \
        "$(field probability_fake "$answer")" "$is_right" "$status, $words"
}

# send FILE: the answer, and in a line of its own the status.
send() {
    curl -sS -w '\n%{http_code}' -F "file=@$folder/$1" "$url/predict?format=framewitness"
}

# holds WHAT ANSWER
holds() {
    case $1 in
    =*) is_near "$(field probability_fake "$2")" "$(field probability_fake "$(send "${1#=}")")" ;;
    *) grep -Eq "$1" <<<"$2" ;;
    esac
}

# is_near A B: two numbers, within .1.
is_near() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a ~ /^[0-9]/ && b ~ /^[0-9]/ && a - b <= .1 && b - a <= .1) }'
}

# try_the_request WHAT STATUS CURL-ARGUMENTS…
try_the_request() {
    local what=$1 status=$2 got is_right=no
    shift 2
    got=$(curl -sS -o /dev/null -w '%{http_code}' "$@" "$url/predict?format=framewitness")
    if [ "$got" = "$status" ]; then is_right=yes; else wrong=1; fi
    printf '%-34s %-7s %-14s %-12s %-6s %s\n' "$what" "$got" - - "$is_right" "$status"
}

# field NAME ANSWER: the first value of a name in a JSON answer, without quotes.
field() {
    grep -Eo "\"$1\":(\"[^\"]*\"|[^,}]*)" <<<"$2" | head -n 1 | cut -d: -f2- | tr -d '"' || echo -
}

main
