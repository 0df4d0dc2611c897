//! TLS between the socket and everything else, driven by hand: rustls does no I/O of its own here.
//!
//! ```text
//! socket ─> Tls::read ─> plain bytes in the read scratch ─> head, frames
//! socket <─ the link's pending bytes <─ Tls::write <─ frames, HTTP answers, and what the handshake wants to say
//! ```
//! What waits in a link is encrypted already, so that all its limits and its one write stay what they are.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

/// Why a server has no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with the certificates cannot be read, or has none.
    #[error("cannot read certificates from {}: {source}; it must be a PEM file with the whole chain", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The file with the key cannot be read, or has none.
    #[error("cannot read a private key from {}: {source}; it must be a PEM file", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The two do not belong together, or are of a kind that is not supported.
    #[error("cannot use {} with {}: {source}", certificate.display(), key.display())]
    Pair {
        /// The file with the certificates.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// A server's certificate and key. Shared by its reactors; what was begun with one certificate goes on with it
/// when another is loaded.
#[derive(Debug)]
pub struct Identity {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Identity {
    /// Reads both files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = RwLock::new(server_config(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config })
    }

    /// Reads both files again, for connections that come from now on. After an error the old ones stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = server_config(&self.certificate, &self.key)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// A connection that has just come.
    pub(super) fn begin(&self) -> Result<Tls, rustls::Error> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        let mut connection = ServerConnection::new(config)?;
        // what is encrypted is taken out at once, so nothing is refused for want of room
        connection.set_buffer_limit(None);
        Ok(Tls { connection: Box::new(connection), ended: false })
    }
}

fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |source| TlsError::Certificate { file: certificate.to_owned(), source };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(certificate).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { file: key.to_owned(), source })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = || {
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        versions.with_no_client_auth().with_single_cert(chain, private)
    };
    let mut config =
        pair().map_err(|source| TlsError::Pair { certificate: certificate.to_owned(), key: key.to_owned(), source })?;
    // no HTTP/2 on this port: its cheap requests with expensive answers are not ours to fend off
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// One connection's encryption.
#[derive(Debug)]
pub(super) struct Tls {
    connection: Box<ServerConnection>,
    /// The stream is over or broken: the next read says so.
    ended: bool,
}

impl Tls {
    /// Fills `plain` as far as the socket goes, like one read of it: less than a whole `plain` means that there is
    /// no more for now. 0 is the end. What TLS itself has to say is appended to `out`.
    pub(super) fn read(&mut self, socket: &mut impl Read, plain: &mut [u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let mut count = 0;
        while count < plain.len() {
            match self.connection.reader().read(&mut plain[count..]) {
                Ok(0) => return self.end(count, Ok(0)),
                Ok(more) => {
                    count += more;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // a FIN without close_notify: WebSocket has its own goodbye
                Err(_) => return self.end(count, Ok(0)),
            }
            match self.connection.read_tls(socket) {
                // rustls notes it, and tells after the plain bytes that came before
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && count > 0 => return Ok(count),
                Err(error) => return self.end_or(count, error),
            }
            let processed = self.connection.process_new_packets();
            self.take_encrypted(out);
            if let Err(error) = processed {
                return self.end_or(count, io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        Ok(count)
    }

    /// There is something to read although the socket has nothing.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Encrypts; until the handshake is through it is kept.
    pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        // into memory without a limit: no error
        let _ = self.connection.writer().write_all(plain);
        self.take_encrypted(out);
    }

    /// Says that nothing more comes.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.take_encrypted(out);
    }

    fn take_encrypted(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            // writing to a Vec does not fail; nothing written would mean nothing to write
            if !matches!(self.connection.write_tls(out), Ok(1..)) {
                return;
            }
        }
    }

    fn end_or(&mut self, count: usize, error: io::Error) -> io::Result<usize> {
        if error.kind() == io::ErrorKind::WouldBlock { Err(error) } else { self.end(count, Err(error)) }
    }

    /// The end comes after what was read before it.
    fn end(&mut self, count: usize, last: io::Result<usize>) -> io::Result<usize> {
        self.ended = true;
        if count > 0 { Ok(count) } else { last }
    }
}
