use std::sync::atomic::{AtomicUsize, Ordering};

use include_dir::{DirEntry, File};

use super::*;

/// A folder that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tickwire-site-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_is_served_with_its_types() {
    let names = [
        ("index.html", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("game/main.js", "text/javascript; charset=utf-8"),
        ("game/deep/er.mjs", "text/javascript; charset=utf-8"),
        ("game/web.wasm", "application/wasm"),
        ("a.json", "application/json"),
        ("main.js.map", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.PNG", "image/png"),
        ("a.ico", "image/x-icon"),
        ("robots.txt", "text/plain; charset=utf-8"),
    ];
    let files: Vec<(&str, &str)> = names.iter().map(|(name, _)| (*name, *name)).collect();
    let scratch = Scratch::with(&files);
    let site = Site::from_dir(&scratch.0).unwrap();
    assert_eq!(site.len(), names.len());
    for (name, content_type) in names {
        let file = site.file(&format!("/{name}")).unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(file.content_type, content_type, "{name}");
        assert_eq!(file.bytes, name, "{name}");
    }
    assert_eq!(site.file("/").unwrap().bytes, "index.html");
    assert!(site.file("").is_none());
}

#[test]
fn scripts_notes_and_hidden_files_stay_behind() {
    let scratch = Scratch::with(&[
        ("index.html", ""),
        ("build.sh", "secret"),
        ("SOURCES", "secret"),
        ("types.d.ts", "secret"),
        (".env.txt", "secret"),
        (".git/config.txt", "secret"),
    ]);
    let site = Site::from_dir(&scratch.0).unwrap();
    assert_eq!(site.len(), 1, "{:?}", site.files.keys());
}

#[test]
fn no_path_leads_out() {
    let scratch = Scratch::with(&[("web/index.html", "page"), ("secret.txt", "secret"), ("web/a b.txt", "spaced")]);
    let site = Site::from_dir(&scratch.0.join("web")).unwrap();
    for path in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..\\secret.txt",
        "//secret.txt",
        "/./index.html",
        "/x/../index.html",
        "/index.html/",
        "/index.html%00",
        "/index.html%",
        "/index.html%4",
        "/%ff",
        "/%+1",
        "../secret.txt",
        "secret.txt",
        "/etc/passwd",
    ] {
        assert!(site.file(path).is_none(), "{path}");
    }
    assert_eq!(site.file("/a%20b.txt").unwrap().bytes, "spaced");
    assert_eq!(site.file("/%69ndex.html").unwrap().bytes, "page");
}

#[cfg(unix)]
#[test]
fn linked_folders_are_not_followed() {
    let scratch = Scratch::with(&[("web/index.html", "page"), ("outside/a.txt", "a")]);
    let web = scratch.0.join("web");
    std::os::unix::fs::symlink(&web, web.join("circle")).unwrap();
    std::os::unix::fs::symlink(scratch.0.join("outside"), web.join("out")).unwrap();
    std::os::unix::fs::symlink(scratch.0.join("outside/a.txt"), web.join("linked.txt")).unwrap();
    let site = Site::from_dir(&web).unwrap();
    let paths: Vec<&String> = site.files.keys().collect();
    assert_eq!(paths, ["/index.html", "/linked.txt"]);
}

#[test]
fn a_folder_that_cannot_be_served_says_what_to_do() {
    assert_eq!(
        Site::from_dir(Path::new("/no/such/folder")).unwrap_err().to_string(),
        "there is no folder /no/such/folder to serve; name one that has an index.html with --assets"
    );
    let scratch = Scratch::with(&[("other.html", "")]);
    assert_eq!(
        Site::from_dir(&scratch.0).unwrap_err().to_string(),
        format!(
            "the folder {} has no index.html; put the page there or name another folder with --assets",
            scratch.0.display()
        )
    );
    let file = scratch.0.join("other.html");
    assert!(Site::from_dir(&file).unwrap_err().to_string().starts_with("there is no folder "));
}

#[test]
fn a_folder_that_is_too_deep_is_refused() {
    let deep = "a/".repeat(DEPTH_MAX + 1) + "x.txt";
    let scratch = Scratch::with(&[("index.html", ""), (&deep, "")]);
    assert!(matches!(Site::from_dir(&scratch.0), Err(SiteError::TooLarge(_))));
}

#[test]
fn embedded_files_are_served_alike() {
    static INNER: [DirEntry<'_>; 2] =
        [DirEntry::File(File::new("game/main.js", b"main")), DirEntry::File(File::new("game/build.sh", b"secret"))];
    static OUTER: [DirEntry<'_>; 2] =
        [DirEntry::File(File::new("index.html", b"page")), DirEntry::Dir(Dir::new("game", &INNER))];
    static ROOT: Dir<'static> = Dir::new("", &OUTER);
    let site = Site::embedded(&ROOT);
    assert_eq!(site.len(), 2);
    assert!(!site.is_empty());
    assert_eq!(site.file("/").unwrap().bytes, "page");
    assert_eq!(site.file("/game/main.js").unwrap().bytes, "main");
}

#[test]
fn tags_are_strong_and_follow_the_bytes() {
    let scratch = Scratch::with(&[("index.html", "one"), ("same.txt", "one"), ("other.txt", "two")]);
    let site = Site::from_dir(&scratch.0).unwrap();
    let tag = |path: &str| site.file(path).unwrap().etag.to_str().unwrap().to_owned();
    assert_eq!(tag("/"), tag("/same.txt"));
    assert_ne!(tag("/"), tag("/other.txt"));
    assert!(tag("/").starts_with('"') && tag("/").ends_with('"') && tag("/").len() == 26, "{}", tag("/"));
}
