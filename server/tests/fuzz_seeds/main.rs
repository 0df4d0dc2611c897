//! Replays what lies in `server/fuzz/seeds`: examples of what is right, of known attacks, and all that fuzzing found.
//! A seed whose name begins with `ok-` must be accepted, one with `bad-` refused; the others only must hold.

mod memory;
#[path = "../../fuzz/src/lib.rs"]
mod properties;
mod seeds;

use std::path::{Path, PathBuf};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target)
}

fn replay(target: &str, hold: fn(&[u8]) -> bool) {
    let seeds = std::fs::read_dir(folder(target)).expect("the target has seeds");
    let mut seeds: Vec<PathBuf> = seeds.map(|entry| entry.expect("an entry").path()).collect();
    seeds.sort();
    let (mut accepted, mut refused) = (0, 0);
    for path in seeds {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a telling name");
        // shown if it panics
        println!("{target}/{name}");
        let verdict = hold(&std::fs::read(&path).expect("it was just there"));
        if name.starts_with("ok-") {
            assert!(verdict, "{target}/{name} is refused");
            accepted += 1;
        } else if name.starts_with("bad-") {
            assert!(!verdict, "{target}/{name} is accepted");
            refused += 1;
        }
    }
    assert!(accepted >= 2 && refused >= 1, "{target} has {accepted} good seeds and {refused} bad ones");
}

macro_rules! targets {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            replay(stringify!($target), properties::$target::hold);
        }
    )*};
}
targets! { http_head json ws_frames ws_inflate ws_offer messages delta replica client }

/// After a change of a format: `cargo test -p tickwire-server --test fuzz_seeds -- --ignored`.
#[test]
#[ignore = "writes the seeds"]
fn write_seeds() {
    for (target, name, bytes) in seeds::all() {
        std::fs::create_dir_all(folder(target)).expect("the folder can be made");
        std::fs::write(folder(target).join(name), bytes).expect("the seed can be written");
    }
}
