//! What the repository shows is what it holds: the README's game compiles, the browser's package is of these sources.

use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_readme_shows_the_small_game_as_it_is() {
    let game = read("examples/coins.rs");
    assert!(read("../README.md").contains(game.trim()), "copy server/examples/coins.rs into the README's code block");
}

#[test]
fn the_browsers_package_is_of_these_sources() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/web/build.sh");
    match std::process::Command::new("sh").arg(script).arg("--check").output() {
        Ok(told) => assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr)),
        Err(_) => eprintln!("skipped: needs sh"),
    }
}

#[test]
fn files_that_the_readme_names_exist() {
    let readme = read("../README.md");
    assert!(!readme.contains('@'), "a placeholder is left in the README");
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 5, "only {} links were found", links.len());
    for link in links.iter().filter(|link| !link.contains("://")) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(link);
        assert!(path.exists(), "the README links to {link}, which is not there");
    }
}
