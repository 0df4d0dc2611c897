//! The header that is checked in is that of the sources.

use std::path::Path;

#[test]
fn the_header_is_of_these_sources() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(crate_dir.join("cbindgen.toml")).expect("cbindgen.toml");
    let made = cbindgen::Builder::new().with_crate(crate_dir).with_config(config).generate().expect("a header");
    let mut text = Vec::new();
    made.write(&mut text);
    let text = String::from_utf8(text).expect("UTF-8");
    let path = crate_dir.join("include/tickwire.h");
    if std::env::var_os("TICKWIRE_WRITE_HEADER").is_some() {
        return std::fs::write(&path, &text).expect("the header is written");
    }
    let has = std::fs::read_to_string(&path).unwrap_or_default();
    let again = "make it again: TICKWIRE_WRITE_HEADER=1 cargo test -p tickwire-capi --test header";
    assert!(has == text, "include/tickwire.h is older than the sources; {again}");
}
