//! The web client is built into the binary: a file that comes or goes there is a reason to build again.

fn main() {
    println!("cargo:rerun-if-changed=../assets/web");
    println!("cargo:rerun-if-changed=build.rs");
}
