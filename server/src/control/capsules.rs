//! Capsules of wrong states, written to a folder; a bounded number, however much clients complain.

use std::path::PathBuf;

use tracing::{error, warn};

/// Files that one run of the server writes, and their bytes in all.
const FILES_MAX: usize = 64;
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Capsules {
    folder: PathBuf,
    files: usize,
    bytes: usize,
}

impl Capsules {
    /// To be written into `folder`, which is made when the first comes.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, files: 0, bytes: 0 }
    }

    /// Writes one, unless there are enough; tells whether it did.
    pub fn keep(&mut self, name: &str, bytes: &[u8]) -> bool {
        if self.files >= FILES_MAX || self.bytes.saturating_add(bytes.len()) > BYTES_MAX {
            return false;
        }
        self.files += 1;
        self.bytes += bytes.len();
        let path = self.folder.join(name);
        let written = std::fs::create_dir_all(&self.folder).and_then(|()| std::fs::write(&path, bytes));
        match &written {
            Ok(()) => warn!(capsule = %path.display(), "a client's state was wrong"),
            Err(error) => error!(capsule = %path.display(), %error, "a capsule cannot be written"),
        }
        written.is_ok()
    }
}
