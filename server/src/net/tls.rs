//! TLS between the socket and everything else, driven by hand: rustls does no I/O of its own here.
//!
//! ```text
//! socket ─> Tls::read ─> plain bytes in the read scratch ─> head, frames
//! socket <─ the link's pending bytes <─ Tls::write <─ frames, HTTP answers, and what the handshake wants to say
//! ```
//! What waits in a link is encrypted already, so that all its limits and its one write stay what they are. A plain
//! request takes its [`Tls`] along when it leaves the reactor.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InvalidMessage, ServerConfig, ServerConnection};

use super::http_head::HeadError;
use super::proxy::SIGNATURE;

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
    loaded: RwLock<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    /// Of the two files, from before they were read: what changes meanwhile is noticed afterwards.
    stamps: [Option<Stamp>; 2],
}

/// What changes when a file is written, or another takes its place.
#[derive(PartialEq, Debug)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl Identity {
    /// Reads both files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let loaded = RwLock::new(read_files(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), loaded })
    }

    /// Reads both files again, for connections that come from now on. After an error the old ones stay.
    pub fn reload(&self) -> Result<(), TlsError> {
        let loaded = read_files(&self.certificate, &self.key)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// Whether a file is not what it was when both were last read for good; it need not be usable.
    pub fn is_stale(&self) -> bool {
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).stamps != stamps
    }

    /// A connection that has just come.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn begin(&self) -> Result<Tls, rustls::Error> {
        let config = Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).config);
        let mut connection = ServerConnection::new(config)?;
        // what is encrypted is taken out at once, so nothing is refused for want of room
        connection.set_buffer_limit(None);
        Ok(Tls {
            connection: Box::new(connection),
            has_more: false,
            is_broken: false,
            first: None,
            met_plaintext: false,
        })
    }
}

fn read_files(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
    let stamps = [stamp(certificate), stamp(key)];
    Ok(Loaded { config: server_config(certificate, key)?, stamps })
}

/// Of what a link leads to; none if that is not there.
fn stamp(file: &Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some(Stamp { modified: found.modified().ok(), bytes: found.len(), inode: found.ino() })
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

/// One connection's encryption, between bytes that its owner reads and writes.
#[derive(Debug)]
pub struct Tls {
    connection: Box<ServerConnection>,
    /// The next read has something to tell, although the socket may have nothing.
    has_more: bool,
    /// A rule was broken: nothing more is taken from the socket.
    is_broken: bool,
    /// The first byte that came.
    first: Option<u8>,
    /// What came first was no TLS.
    met_plaintext: bool,
}

impl Tls {
    /// Fills `plain` with what the socket has, 0 is the end. What TLS itself has to say is appended to `out`.
    ///
    /// Less than a whole `plain` means that there is no more for now, unless [`Tls::has_more`]: for one call no more
    /// is taken from the socket than `plain` is long, so that records without content keep nobody waiting.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::InvalidData`] for what breaks the rules of TLS; `out` has the alert.
    pub fn read(&mut self, socket: &mut impl Read, plain: &mut [u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let (mut count, mut taken) = (0, 0);
        self.has_more = false;
        while count < plain.len() {
            match self.connection.reader().read(&mut plain[count..]) {
                Ok(0) => return self.end(count, Ok(0)),
                Ok(more) => {
                    count += more;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // a FIN without close_notify: WebSocket and HTTP know where their messages end
                Err(_) => return self.end(count, Ok(0)),
            }
            if taken >= plain.len() {
                self.has_more = true;
                return so_far(count);
            }
            if !self.is_broken {
                match self.connection.read_tls(&mut Noting { socket, first: &mut self.first }) {
                    // of the end rustls tells after the plain bytes that came before
                    Ok(more) => taken += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return so_far(count),
                    Err(error) => return self.end(count, Err(error)),
                }
            }
            let processed = self.connection.process_new_packets();
            self.take_encrypted(out);
            match processed {
                Ok(_) => {}
                // rustls tells the same error again
                Err(error) if self.is_broken => {
                    return self.end(count, Err(io::Error::new(io::ErrorKind::InvalidData, error)));
                }
                // first what came before it
                Err(error) => {
                    let is_no_tls = matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType));
                    self.met_plaintext = is_no_tls && self.connection.protocol_version().is_none();
                    self.is_broken = true;
                }
            }
        }
        // there may be more in what was taken
        self.has_more = true;
        Ok(count)
    }

    /// There may be something to read although the socket has nothing.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// The connection failed because its first bytes were no TLS: what they were instead.
    pub(super) fn met_plaintext(&self) -> Option<HeadError> {
        // no line of HTTP begins like the signature of PROXY v2
        let is_of_proxy = self.first == Some(SIGNATURE[0]);
        self.met_plaintext.then_some(if is_of_proxy { HeadError::ProxyHeader } else { HeadError::NotTls })
    }

    /// Encrypts; until the handshake is through it is kept.
    pub fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        // into memory without a limit: no error
        let _ = self.connection.writer().write_all(plain);
        self.take_encrypted(out);
    }

    /// Says that nothing more comes.
    pub fn close(&mut self, out: &mut Vec<u8>) {
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

    /// The end comes after what was read before it.
    fn end(&mut self, count: usize, last: io::Result<usize>) -> io::Result<usize> {
        self.has_more = count > 0;
        if count > 0 { Ok(count) } else { last }
    }
}

/// A socket of which the first byte is kept: rustls does not give back what it refuses.
struct Noting<'a, R> {
    socket: &'a mut R,
    first: &'a mut Option<u8>,
}

impl<R: Read> Read for Noting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        *self.first = self.first.or(buffer[..count].first().copied());
        Ok(count)
    }
}

/// No more for now.
fn so_far(count: usize) -> io::Result<usize> {
    if count > 0 { Ok(count) } else { Err(io::ErrorKind::WouldBlock.into()) }
}
