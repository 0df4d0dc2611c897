#!/bin/sh
# Builds the browser's package (shared/web and all below it) into assets/web/pkg.
#   assets/web/build.sh            build; needs the wasm32-unknown-unknown target and, once, time for wasm-bindgen
#   assets/web/build.sh --check    only tell whether the package is older than its sources
# Environment: WASM_CARGO, a cargo that builds for wasm32-unknown-unknown by itself, where rustup has no such target;
# WASM_BINDGEN, a wasm-bindgen of the version in Cargo.lock.
set -eu

cd "$(dirname "$0")/../.."
target=wasm32-unknown-unknown
pkg=assets/web/pkg
crates='shared shared/derive shared/arena shared/web'
out=${CARGO_TARGET_DIR:-target}

# One number for all that the package is built from, the same on every machine.
sources() {
    if command -v sha256sum >/dev/null; then sum=sha256sum; else sum='shasum -a 256'; fi
    {
        for crate in $crates; do
            echo "$crate/Cargo.toml"
            find "$crate/src" -type f
        done
    } | LC_ALL=C sort | xargs $sum | $sum | cut -d ' ' -f 1
}

check() {
    if [ "$(cat $pkg/SOURCES 2>/dev/null)" != "$(sources)" ]; then
        echo "assets/web/pkg is older than its sources: run assets/web/build.sh" >&2
        exit 1
    fi
}

# Which cargo, and where its compiler keeps the sources of std.
choose_cargo() {
    sysroot=$(rustc --print sysroot)
    if [ -d "$sysroot/lib/rustlib/$target" ]; then
        cargo="cargo"
    elif [ -n "${WASM_CARGO:-}" ]; then
        cargo=$WASM_CARGO
        sysroot=$("$cargo" rustc --quiet -Z unstable-options -p tickwire-web --print sysroot)
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

# Panics carry file names; they shall not tell where this machine keeps its files.
build() {
    remap="--remap-path-prefix=$PWD=tickwire"
    for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        remap="$remap --remap-path-prefix=$registry=crates"
    done
    remap="$remap --remap-path-prefix=$sysroot/lib/rustlib/src/rust=rust"
    # wasm-bindgen reads a section that a full strip would take away; it strips the rest below
    CARGO_PROFILE_WEB_STRIP=debuginfo RUSTFLAGS="$remap" CARGO_TARGET_DIR=$out \
        "$cargo" build --profile web --target $target -p tickwire-web
    rm -rf $pkg
    "$bindgen" --target web --no-typescript --remove-name-section --remove-producers-section \
        --out-dir $pkg "$out/$target/web/tickwire_web.wasm"
}

if [ "${1:-}" = --check ]; then
    check
    exit 0
fi
choose_cargo
choose_bindgen
before=$(sources)
build
echo "$before" >$pkg/SOURCES
wc -c $pkg/*.wasm
