//! The house keeps its shape: imports go down, the libraries know no game, files and functions stay short, names say
//! something. See the floors in `server/src/lib.rs`.

use std::path::{Path, PathBuf};

/// Module and floor; modules of one floor must not import each other.
const FLOORS: [(&str, u8); 14] = [
    ("serve", 6),
    ("control", 5),
    ("gateway", 5),
    ("tick", 5),
    ("lobby", 4),
    ("identity", 4),
    ("room", 4),
    ("session", 4),
    ("handover", 3),
    ("config", 3),
    ("sync", 2),
    ("net", 2),
    ("json", 2),
    ("metrics", 1),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder of the workspace") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn all_files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for part in ["shared", "server", "bots"] {
        rust_files(&workspace().join(part), &mut files);
    }
    assert!(files.len() > 50, "only {} files were found", files.len());
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).expect("a text file"))).collect()
}

fn floor(module: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("module {module:?} is on no floor: give it one in tests/floors.rs")).1
}

/// The top-level module of a file below `server/src`.
fn module_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(workspace().join("server/src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned())
}

/// The top-level modules that a line imports from this crate.
fn imported(line: &str) -> Option<&str> {
    let rest = line.split("crate::").nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

#[test]
fn imports_go_down() {
    let mut checked = 0;
    for (path, text) in all_files() {
        let Some(module) = module_of(&path).filter(|module| !["main", "cli", "lib"].contains(&module.as_str())) else {
            continue;
        };
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let Some(other) = imported(line).filter(|other| *other != module) else { continue };
            let goes_down = floor(other) < floor(&module);
            assert!(goes_down, "{}: {module} must not import {other}: {line}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} imports were checked");
}

#[test]
fn the_libraries_know_no_game() {
    let libraries = ["shared/src", "server/src", "shared/derive/src"].map(|part| workspace().join(part));
    for (path, text) in all_files() {
        let in_library = libraries.iter().any(|library| path.starts_with(library));
        let binary = path.ends_with("server/src/main.rs") || path.ends_with("server/src/cli.rs");
        if in_library && !binary {
            let knows = text.lines().find(|line| line.to_lowercase().contains("arena"));
            assert!(knows.is_none(), "{} knows the demo game: {knows:?}", path.display());
        }
    }
}

#[test]
fn files_and_functions_are_short_and_names_say_something() {
    for (path, text) in all_files() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines: what is its second subject?", path.display());
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let empty = ["util", "utils", "helper", "helpers", "common", "misc", "manager"];
        assert!(!empty.contains(&name), "{}: the name says nothing", path.display());
        for word in ["TODO", "FIXME", "XXX"] {
            let left = !path.ends_with("floors.rs") && text.contains(word);
            assert!(!left, "{} has a {word}", path.display());
        }
        long_function(&text).inspect(|(line, length)| {
            panic!("{}:{line}: a function of {length} lines is two functions", path.display());
        });
    }
}

/// The first function of more than 80 lines, found by its indentation: first line and length.
fn long_function(text: &str) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let is_function = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "async fn ", "pub async fn "]
            .iter()
            .any(|head| body.starts_with(head));
        if !is_function {
            continue;
        }
        let indent = line.len() - body.len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == end).map_or(1, |length| length + 1);
        if length > 80 {
            return Some((start + 1, length));
        }
    }
    None
}
