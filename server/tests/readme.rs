//! What the README shows is what compiles.

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
fn files_that_the_readme_names_exist() {
    let readme = read("../README.md");
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 5, "only {} links were found", links.len());
    for link in links.iter().filter(|link| !link.contains("://")) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(link);
        assert!(path.exists(), "the README links to {link}, which is not there");
    }
}
