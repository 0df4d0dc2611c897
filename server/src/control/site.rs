//! The files that are served: read once at the start, looked up by path, never from disk while serving.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use include_dir::Dir;
use sha1::{Digest, Sha1};
use thiserror::Error;

/// Most files of a site.
const FILES_MAX: usize = 10_000;
/// Most bytes of a site: it stays in memory.
const SITE_MAX_BYTES: usize = 512 * 1024 * 1024;
/// Most folders in each other.
const DEPTH_MAX: usize = 16;

/// Why a folder cannot be served. Each displays as one sentence.
#[derive(Debug, Error)]
pub enum SiteError {
    /// There is no such folder, or it is a file.
    #[error("there is no folder {} to serve; name one that has an index.html with --assets", .0.display())]
    Missing(PathBuf),
    /// The folder has no page to begin with.
    #[error("the folder {} has no index.html; put the page there or name another folder with --assets", .0.display())]
    NoIndex(PathBuf),
    /// A file or folder cannot be read.
    #[error("cannot read {}: {cause}; everything below the folder of --assets must be readable", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// More than is kept in memory.
    #[error(
        "the folder {} has more than {FILES_MAX} files, {} MiB or {DEPTH_MAX} levels; name the web client's folder \
         with --assets", .0.display(), SITE_MAX_BYTES / 1024 / 1024
    )]
    TooLarge(PathBuf),
}

/// One file as it is served.
#[derive(Clone, Debug)]
pub struct SiteFile {
    /// With the character set, where it is text.
    pub content_type: &'static str,
    /// What it contains.
    pub bytes: Bytes,
    /// Strong: made of the bytes, so the same file has the same tag after a restart.
    pub etag: HeaderValue,
}

/// All files by their path in the URL, which begins with a slash. A request is a look-up here and nothing else, so
/// no path can lead out of the folder. Only files whose extension is known are taken: scripts and notes stay behind.
#[derive(Clone, Debug, Default)]
pub struct Site {
    files: BTreeMap<String, SiteFile>,
}

impl Site {
    /// The files that were built into the binary with `include_dir!`.
    pub fn embedded(folder: &'static Dir<'static>) -> Self {
        let mut site = Self::default();
        site.add_embedded(folder);
        site
    }

    /// The files below a folder, read now. Hidden files and linked folders are left out.
    ///
    /// # Errors
    /// There is no such folder, no `index.html` in it, something in it cannot be read, or it is too much.
    pub fn from_dir(folder: &Path) -> Result<Self, SiteError> {
        if !folder.is_dir() {
            return Err(SiteError::Missing(folder.to_owned()));
        }
        if !folder.join("index.html").is_file() {
            return Err(SiteError::NoIndex(folder.to_owned()));
        }
        let mut reading = Reading { root: folder, site: Self::default(), bytes: 0 };
        reading.add_folder(folder, "/", 0)?;
        Ok(reading.site)
    }

    /// The same and one more file, at this path, which begins with a slash; it may be built in with `include_bytes!`.
    /// Where its extension is not known it is served as plain text.
    #[must_use]
    pub fn with_file(mut self, path: &str, contents: &'static [u8]) -> Self {
        let content_type = content_type(Path::new(path)).unwrap_or("text/plain; charset=utf-8");
        self.add(path.to_owned(), content_type, Bytes::from_static(contents));
        self
    }

    /// The file for a path as it stands in a request, without the query. A path that ends with a slash means the
    /// `index.html` there.
    pub fn file(&self, path: &str) -> Option<&SiteFile> {
        let path = percent_decoded(path)?;
        if path.ends_with('/') { self.files.get(&format!("{path}index.html")) } else { self.files.get(&path) }
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is nothing to serve.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn add_embedded(&mut self, folder: &'static Dir<'static>) {
        for file in folder.files() {
            // paths inside are relative to the outermost folder
            let path = file.path().to_string_lossy().replace('\\', "/");
            if let Some(content_type) = content_type(file.path()) {
                self.add(format!("/{path}"), content_type, Bytes::from_static(file.contents()));
            }
        }
        folder.dirs().for_each(|inner| self.add_embedded(inner));
    }

    fn add(&mut self, path: String, content_type: &'static str, bytes: Bytes) {
        let etag = etag(&bytes);
        self.files.insert(path, SiteFile { content_type, bytes, etag });
    }
}

/// A folder on its way into memory.
struct Reading<'a> {
    root: &'a Path,
    site: Site,
    bytes: usize,
}

impl Reading<'_> {
    fn add_folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), SiteError> {
        let unreadable = |cause| SiteError::Unreadable { path: folder.to_owned(), cause };
        if depth > DEPTH_MAX {
            return Err(SiteError::TooLarge(self.root.to_owned()));
        }
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') {
                continue;
            }
            // a link to a file is followed, one to a folder is not: it could lead in a circle
            if kind.is_dir() {
                self.add_folder(&path, &format!("{prefix}{name}/"), depth + 1)?;
            } else if let (Some(content_type), true) = (content_type(&path), path.is_file()) {
                self.add_file(&path, format!("{prefix}{name}"), content_type)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, url: String, content_type: &'static str) -> Result<(), SiteError> {
        let unreadable = |cause| SiteError::Unreadable { path: path.to_owned(), cause };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        self.bytes = self.bytes.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        if self.bytes > SITE_MAX_BYTES || self.site.len() >= FILES_MAX {
            return Err(SiteError::TooLarge(self.root.to_owned()));
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        self.site.add(url, content_type, bytes.into());
        Ok(())
    }
}

/// `None` for what is not served.
fn content_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        // browsers compile a module while it arrives only under this type
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => return None,
    })
}

fn etag(bytes: &[u8]) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &Sha1::digest(bytes)[..12] {
        // writing to a String cannot fail
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// RFC 3986 2.1. `None` for a percent sign without two digits, and for what is no UTF-8.
fn percent_decoded(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (&[high, low], behind) = rest.split_first_chunk()?;
        decoded.push(hex(high)? << 4 | hex(low)?);
        rest = behind;
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
