#!/bin/sh
# Builds what browsers load: the SDK (assets/web/tickwire/src) into assets/web/tickwire/index.js, and the modules of any
# game (shared/web) into assets/web/tickwire/wasm, with Arena's rules (shared/arena/web) into assets/web/arena/wasm.
#   assets/web/build.sh            all; needs the wasm32-unknown-unknown target, node, npm and, once, time for wasm-bindgen
#   assets/web/build.sh --sdk      only the SDK's JavaScript; needs node and npm
#   assets/web/build.sh --check    only tell whether something is older than its sources
#   assets/web/build.sh --sizes    only print what a page loads, compressed; fails when it is well beyond its goal
# Environment: WASM_CARGO, a cargo that builds for wasm32-unknown-unknown by itself, where rustup has no such target;
# WASM_BINDGEN, a wasm-bindgen of the version in Cargo.lock; WASM_OPT, Binaryen's wasm-opt (npm's `binaryen` has it), for
# a twentieth less. A cargo that builds std builds it for size and without the texts of panics, which makes a fifth less;
# with rustup's target the modules are larger, and say what is wrong with them.
set -eu

cd "$(dirname "$0")/../.."
target=wasm32-unknown-unknown
sdk=assets/web/tickwire
generic=assets/web/tickwire/wasm
arena=assets/web/arena/wasm
shared='shared shared/derive shared/web'
out=${CARGO_TARGET_DIR:-target}

# One number for all that something is built from, the same on every machine.
sources() {
    if command -v sha256sum >/dev/null; then sum=sha256sum; else sum='shasum -a 256'; fi
    {
        for folder in "$@"; do
            [ ! -f "$folder/Cargo.toml" ] || echo "$folder/Cargo.toml"
            find "$folder/src" -type f
        done
    } | LC_ALL=C sort | xargs $sum | $sum | cut -d ' ' -f 1
}

check() { # where, folders with a src
    where=$1
    shift
    if [ "$(cat "$where/SOURCES" 2>/dev/null)" != "$(sources "$@")" ]; then
        echo "$where is older than its sources: run assets/web/build.sh" >&2
        exit 1
    fi
}

# Which cargo, and where its compiler keeps the sources of std.
choose_cargo() {
    sysroot=$(rustc --print sysroot)
    if [ -d "$sysroot/lib/rustlib/$target" ]; then
        cargo="cargo" unstable= flags=
    elif [ -n "${WASM_CARGO:-}" ]; then
        cargo=$WASM_CARGO unstable='-Z panic-immediate-abort -Z build-std-features=optimize_for_size'
        sysroot=$("$cargo" rustc --quiet -Z unstable-options -p tickwire-web --print sysroot)
        # nobody sees where a panic was that says nothing, and no text that a user reads comes from Debug
        flags='-Z location-detail=none -Z fmt-debug=none'
        export CARGO_PROFILE_WEB_PANIC=immediate-abort
    else
        echo "no compiler for $target: run 'rustup target add $target', or set WASM_CARGO to a cargo that has one" >&2
        exit 2
    fi
}

# wasm-bindgen must be of the very version that the crate is.
choose_bindgen() {
    version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock)
    for bindgen in "${WASM_BINDGEN:-}" wasm-bindgen "$out/wasm-bindgen/bin/wasm-bindgen"; do
        if [ "$("${bindgen:-false}" --version 2>/dev/null)" = "wasm-bindgen $version" ]; then return; fi
    done
    cargo install wasm-bindgen-cli --version "$version" --root "$out/wasm-bindgen"
}

# The esbuild that .ci/browser/package-lock.json names.
choose_esbuild() {
    esbuild=.ci/browser/node_modules/.bin/esbuild
    [ -x $esbuild ] || (cd .ci/browser && npm ci --no-audit --no-fund --silent)
}

# One file of all the SDK's, without comments. A page's developer tools show the sources, which lie beside it.
bundle() {
    of=$(sources $sdk)
    $esbuild $sdk/src/index.js --bundle --minify --format=esm --target=es2022 --log-level=warning \
        "--external:./$sdk/wasm/*" --sourcemap --sources-content=false --outfile=$sdk/index.js \
        '--banner:js=// Built by assets/web/build.sh from src/; index.d.ts has every name.'
    echo "$of" >$sdk/SOURCES
}

# Panics carry file names; they shall not tell where this machine keeps its files.
build() {
    remap="--remap-path-prefix=$PWD=tickwire"
    for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        remap="$remap --remap-path-prefix=$registry=crates"
    done
    remap="$remap --remap-path-prefix=$sysroot/lib/rustlib/src/rust=rust"
    # wasm-bindgen reads a section that a full strip would take away; it strips the rest below
    CARGO_PROFILE_WEB_STRIP=debuginfo RUSTFLAGS="$flags $remap" CARGO_TARGET_DIR=$out \
        "$cargo" build $unstable --profile web --target $target -p tickwire-web -p tickwire-arena-web
}

pack() { # name of the module, where, number of its sources before it was built
    module=$1 where=$2
    rm -rf "$where"
    "$bindgen" --target web --no-typescript --remove-name-section --remove-producers-section \
        --out-dir "$where" "$out/$target/web/$module.wasm"
    # inlining and values that are kept for later make fewer bytes of it, but more that gzip cannot shorten
    [ -z "${WASM_OPT:-}" ] || $WASM_OPT -Oz --converge --skip-pass=inlining-optimizing --skip-pass=local-cse \
        "$where/${module}_bg.wasm" -o "$where/${module}_bg.wasm"
    $esbuild "$where/$module.js" --minify --format=esm --target=es2022 --log-level=warning --allow-overwrite --outfile="$where/$module.js"
    echo "$3" >"$where/SOURCES"
}

# What travels when a page is opened, with the SDK's own files.
sizes() { # name, budget in kB, files
    name=$1 budget=$2 bytes=0
    shift 2
    for file in "$@"; do
        bytes=$((bytes + $(gzip -9 -c "$file" | wc -c)))
    done
    echo "$name: $bytes bytes with gzip -9; the goal is $((budget * 1024))"
    # compilers and gzips differ a little
    [ $bytes -le $((budget * 1075)) ] || { echo "$name is too large" >&2; large=1; }
}

all_sizes() {
    large=0
    sizes "any game" 80 $generic/*.wasm $generic/*.js $sdk/*.js
    sizes "with Arena's rules" 110 $arena/*.wasm $arena/*.js $sdk/*.js
    return $large
}

case ${1:-} in
--check)
    check $sdk $sdk
    check $generic $shared
    check $arena $shared shared/arena shared/arena/web
    ;;
--sizes) all_sizes ;;
--sdk)
    choose_esbuild
    bundle
    all_sizes || true
    ;;
*)
    choose_cargo
    choose_bindgen
    choose_esbuild
    any=$(sources $shared)
    rules=$(sources $shared shared/arena shared/arena/web)
    build
    pack tickwire_web $generic "$any"
    pack tickwire_arena_web $arena "$rules"
    bundle
    all_sizes || true
    ;;
esac
