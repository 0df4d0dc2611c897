//! The files of a certificate and a key. Those who name the wrong one are told what it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A chain takes some KiB.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Why a file does not have what it should.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The system does not let us read it.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// A pipe or a device would have to be waited for, perhaps for ever.
    #[error("it is no regular file")]
    NotRegular,
    /// It is something else.
    #[error("it has more than {} MiB", FILE_MAX_BYTES >> 20)]
    TooLong,
    /// It holds nothing.
    #[error("it is empty")]
    Empty,
    /// Some other format.
    #[error("{0}; PEM is needed, with lines such as -----BEGIN {1}-----")]
    NotPem(&'static str, &'static str),
    /// PEM of other things.
    #[error("it is PEM with {found}, and without -----BEGIN {needed}-----")]
    Other {
        /// What it holds, in words.
        found: String,
        /// What it should hold.
        needed: &'static str,
    },
    /// A key with a passphrase.
    #[error(
        "the key is encrypted, and a server cannot be asked for the passphrase; write it without one \
         (openssl pkey -in encrypted.pem -out key.pem)"
    )]
    Encrypted,
    /// It was cut off or edited.
    #[error("its PEM is damaged: {0}")]
    Damaged(&'static str),
}

const CERTIFICATE: &str = "CERTIFICATE";
const KEY: &str = "PRIVATE KEY";
/// What is read as a key.
const KEYS: [&str; 3] = [KEY, "RSA PRIVATE KEY", "EC PRIVATE KEY"];

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A file and the kinds of PEM in it.
pub(super) struct PemFile {
    bytes: Vec<u8>,
    labels: Vec<String>,
}

impl PemFile {
    /// Regular files only, and not for ever.
    pub(super) fn read(path: &Path) -> Result<Self, PemError> {
        // asked before it is opened: to open a pipe is to wait for who writes into it
        if !fs::metadata(path)?.is_file() {
            return Err(PemError::NotRegular);
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_MAX_BYTES {
            return Err(PemError::TooLong);
        }
        // some editors put a byte order mark in front, which hides the first line
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Self { labels: labels(&bytes), bytes })
    }

    pub(super) fn is_only_a_key(&self) -> bool {
        self.labels.iter().any(|label| label.ends_with(KEY)) && !self.has(CERTIFICATE)
    }

    pub(super) fn is_only_certificates(&self) -> bool {
        self.has(CERTIFICATE) && !self.labels.iter().any(|label| label.ends_with(KEY))
    }

    pub(super) fn chain(&self) -> Result<Vec<CertificateDer<'static>>, PemError> {
        if !self.has(CERTIFICATE) {
            return Err(self.lacks(CERTIFICATE));
        }
        let chain = CertificateDer::pem_slice_iter(&self.bytes).collect::<Result<Vec<_>, _>>();
        match chain.map_err(|error| damaged(&error))? {
            chain if chain.is_empty() => Err(damaged(&Error::NoItemsFound)),
            chain => Ok(chain),
        }
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, PemError> {
        // the older format says so in a field of its own
        let is_encrypted = self.has("ENCRYPTED PRIVATE KEY") || lines(&self.bytes).any(|line| line == ENCRYPTED_FIELD);
        match KEYS.iter().any(|label| self.has(label)) {
            _ if is_encrypted => Err(PemError::Encrypted),
            true => PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| damaged(&error)),
            false => Err(self.lacks(KEY)),
        }
    }

    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|found| found == label)
    }

    fn lacks(&self, needed: &'static str) -> PemError {
        let Some(found) = self.labels.first() else {
            return match self.bytes.trim_ascii() {
                [] => PemError::Empty,
                _ => PemError::NotPem(format_of(&self.bytes), needed),
            };
        };
        PemError::Other { found: in_words(found), needed }
    }
}

const ENCRYPTED_FIELD: &[u8] = b"Proc-Type: 4,ENCRYPTED";

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii)
}

fn labels(bytes: &[u8]) -> Vec<String> {
    lines(bytes)
        .filter_map(|line| line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----"))
        .map(|label| String::from_utf8_lossy(label).into_owned())
        .collect()
}

fn in_words(label: &str) -> String {
    match label {
        CERTIFICATE => "certificates".to_owned(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "a request for a certificate (what the authority sends back is the certificate)".to_owned()
        }
        "OPENSSH PRIVATE KEY" => "a key of OpenSSH".to_owned(),
        label if label.ends_with(KEY) => "a private key".to_owned(),
        label => format!("-----BEGIN {}-----", label.chars().take(40).flat_map(char::escape_debug).collect::<String>()),
    }
}

/// What is no PEM, by the beginning of its DER: a sequence (X.690), and what is first in that.
fn format_of(bytes: &[u8]) -> &'static str {
    let content = match bytes {
        [0x30, length, rest @ ..] if *length < 0x80 => rest,
        [0x30, length, rest @ ..] => rest.get(usize::from(length & 0x7F)..).unwrap_or_default(),
        _ => return "it is no PEM",
    };
    match content {
        [0x02, 1, 3, ..] => "it is an archive of PKCS#12; unpack it (openssl pkcs12 -in FILE -nodes -out both.pem)",
        [0x02, 1, 0 | 1, ..] => {
            "it is a private key in DER; convert it (openssl pkey -inform der -in FILE -out key.pem)"
        }
        _ => "it is DER; convert it (a certificate with openssl x509 -inform der -in FILE -out cert.pem)",
    }
}

/// In words that show nothing of a key.
fn damaged(error: &Error) -> PemError {
    PemError::Damaged(match error {
        Error::MissingSectionEnd { .. } => "an END line is missing or is of another kind than its BEGIN line",
        Error::IllegalSectionStart { .. } => "a BEGIN line is not complete",
        Error::Base64Decode(_) => "what stands between BEGIN and END is not base64",
        // we have seen one, and it has not
        Error::NoItemsFound => "-----BEGIN is not at the start of its line",
        _ => "it cannot be read",
    })
}
