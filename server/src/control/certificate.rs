//! The certificate of a server that runs: read anew when its files change, or when somebody asks for it.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::net::tls::Identity;

/// How often the files are looked at.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Keeps an [`Identity`] up to date. Whoever renews a certificate writes two files, one after the other: between them
/// they do not fit each other, and until they do, the old pair stays.
#[derive(Debug)]
pub struct Certificate {
    identity: Arc<Identity>,
    /// Why the files that are there now cannot be used: told once.
    complaint: Option<String>,
}

impl Certificate {
    /// Looks after the files of `identity`.
    pub fn new(identity: Arc<Identity>) -> Self {
        Self { identity, complaint: None }
    }

    /// Reads the files if they have changed, or could not be used the last time.
    pub(super) fn look(&mut self) {
        if self.identity.is_stale() {
            self.read();
        }
    }

    /// Reads the files.
    pub(super) fn reload(&mut self) {
        self.complaint = None;
        self.read();
    }

    fn read(&mut self) {
        match self.identity.reload() {
            Ok(()) => {
                self.complaint = None;
                self.identity.tell("the certificate was read anew; connections that come from now on get it");
            }
            Err(error) => {
                let complaint = error.to_string();
                if self.complaint.as_ref() != Some(&complaint) {
                    warn!("the old certificate stays: {complaint}; it is tried again every few seconds");
                    self.complaint = Some(complaint);
                }
            }
        }
    }
}
