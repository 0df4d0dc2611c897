//! A certificate that a test makes, and clients that trust it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

/// Bytes over TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for localhost in files of its own, gone with the value.
pub(crate) struct Certificate {
    folder: PathBuf,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tickwire-tls-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let certificate = Self { folder: std::env::temp_dir().join(name) };
        fs::create_dir_all(&certificate.folder).unwrap();
        certificate.renew();
        certificate
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// Puts another one and its key into the same files.
    pub(crate) fn renew(&self) {
        let (certificate, key) = Self::another();
        fs::write(self.file(), certificate).unwrap();
        fs::write(self.key_file(), key).unwrap();
    }

    /// A certificate and its key, as PEM.
    pub(crate) fn another() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    /// For a client that trusts the present certificate and no other.
    pub(crate) fn client_config(
        &self,
        version: &'static SupportedProtocolVersion,
        alpn: &[&[u8]],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// Connects with TLS 1.3; the handshake comes with the first write or read.
    pub(crate) fn connect(&self, addr: SocketAddr) -> TlsStream {
        over_tls(self.client_config(&rustls::version::TLS13, &[]), addr)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Connects; the handshake comes with the first write or read.
pub(crate) fn over_tls(config: Arc<ClientConfig>, addr: SocketAddr) -> TlsStream {
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TcpStream::connect(addr).unwrap();
    socket.set_nodelay(true).unwrap();
    // only so that a fault fails instead of hanging
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), socket)
}
